//! Links to the previous and the next page.

use maud::{Markup, html};

use super::page_context::PageContext;

/// What is known about the number of pages.
#[derive(Clone, Copy)]
pub(super) enum PageCount {
    /// The number of pages.
    Known(u64),
    /// The number is unknown, and there is a page after this one.
    HasNext,
    /// The number is unknown, and this is the last page.
    Last,
}

impl PageCount {
    /// The page before `page`. Beyond the end this is the last page.
    fn before(self, page: u64) -> Option<u64> {
        let last = match self {
            Self::Known(pages) => pages.max(1),
            Self::HasNext | Self::Last => page,
        };
        (page > 1).then(|| (page - 1).min(last))
    }

    fn after(self, page: u64) -> Option<u64> {
        let more = match self {
            Self::Known(pages) => page < pages,
            Self::HasNext => true,
            Self::Last => false,
        };
        more.then(|| page + 1)
    }
}

pub(super) fn links(
    ctx: &PageContext,
    page: u64,
    page_count: PageCount,
    link: impl Fn(&str) -> String,
) -> Markup {
    let messages = ctx.messages();
    let (before, after) = (page_count.before(page), page_count.after(page));
    let to = |page: u64, text: &str, rel: &str| {
        html! {
            a.button rel=(rel) href=(link(&page.to_string())) { (text) }
        }
    };
    html! {
        @if before.is_some() || after.is_some() {
            nav.paging aria-label=(messages.pages) {
                @if let Some(page) = before { (to(page, messages.previous, "prev")) }
                span {
                    (messages.page) " " (ctx.language.number(page))
                    @if let PageCount::Known(pages) = page_count {
                        " " (messages.of) " " (ctx.language.number(pages))
                    }
                }
                @if let Some(page) = after { (to(page, messages.next, "next")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_existing_pages() {
        let around =
            |page_count: PageCount, page| (page_count.before(page), page_count.after(page));
        assert_eq!(around(PageCount::Known(3), 1), (None, Some(2)));
        assert_eq!(around(PageCount::Known(3), 3), (Some(2), None));
        assert_eq!(around(PageCount::Known(3), 9), (Some(3), None));
        assert_eq!(around(PageCount::Known(0), 1), (None, None));
        assert_eq!(around(PageCount::HasNext, 1), (None, Some(2)));
        assert_eq!(around(PageCount::Last, 2), (Some(1), None));
    }
}
