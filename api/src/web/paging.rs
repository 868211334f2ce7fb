//! Links to the pages before and after.

use maud::{Markup, html};

use super::visit::Visit;

/// Of a list whose length is known: any page can be gone to.
pub(super) fn links(visit: &Visit, page: u64, pages: u64, link: impl Fn(&str) -> String) -> Markup {
    let words = visit.words();
    let to = |page: u64, text: &str, rel: &str| {
        html! {
            a.button rel=(rel) href=(link(&page.to_string())) { (text) }
        }
    };
    html! {
        @if pages > 1 || page > 1 {
            nav.paging aria-label=(words.pages) {
                @if page > 1 { (to((page - 1).min(pages.max(1)), words.previous, "prev")) }
                span {
                    (words.page) " " (visit.language.number(page)) " " (words.of) " "
                    (visit.language.number(pages))
                }
                @if page < pages { (to(page + 1, words.next, "next")) }
            }
        }
    }
}
