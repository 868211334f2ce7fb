//! Links to the pages before and after.

use maud::{Markup, html};

use super::visit::Visit;

/// How much there is to page through.
#[derive(Clone, Copy)]
pub(super) enum Extent {
    /// So many pages.
    Pages(u64),
    /// Nobody has counted, but there is a page after this one.
    More,
    /// Nobody has counted, and this is the last page.
    NoMore,
}

impl Extent {
    /// The page before `page`; from beyond the end one comes back to the last.
    fn before(self, page: u64) -> Option<u64> {
        let last = match self {
            Self::Pages(pages) => pages.max(1),
            Self::More | Self::NoMore => page,
        };
        (page > 1).then(|| (page - 1).min(last))
    }

    fn after(self, page: u64) -> Option<u64> {
        let more = match self {
            Self::Pages(pages) => page < pages,
            Self::More => true,
            Self::NoMore => false,
        };
        more.then(|| page + 1)
    }
}

pub(super) fn links(
    visit: &Visit,
    page: u64,
    extent: Extent,
    link: impl Fn(&str) -> String,
) -> Markup {
    let words = visit.words();
    let (before, after) = (extent.before(page), extent.after(page));
    let to = |page: u64, text: &str, rel: &str| {
        html! {
            a.button rel=(rel) href=(link(&page.to_string())) { (text) }
        }
    };
    html! {
        @if before.is_some() || after.is_some() {
            nav.paging aria-label=(words.pages) {
                @if let Some(page) = before { (to(page, words.previous, "prev")) }
                span {
                    (words.page) " " (visit.language.number(page))
                    @if let Extent::Pages(pages) = extent {
                        " " (words.of) " " (visit.language.number(pages))
                    }
                }
                @if let Some(page) = after { (to(page, words.next, "next")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_that_there_are() {
        let around = |extent: Extent, page| (extent.before(page), extent.after(page));
        assert_eq!(around(Extent::Pages(3), 1), (None, Some(2)));
        assert_eq!(around(Extent::Pages(3), 3), (Some(2), None));
        assert_eq!(around(Extent::Pages(3), 9), (Some(3), None));
        assert_eq!(around(Extent::Pages(0), 1), (None, None));
        assert_eq!(around(Extent::More, 1), (None, Some(2)));
        assert_eq!(around(Extent::NoMore, 2), (Some(1), None));
    }
}
