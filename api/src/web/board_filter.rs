//! The board that a page shows, and the navigation to other boards.

use maud::{Markup, html};
use projections::boards::{Board, BoardSize};
use url::form_urlencoded::Serializer;

use super::messages::Messages;
use super::page_context::PageContext;
use crate::extract::QueryFields;

/// Links to countries, and links to cities: the largest boards of each.
const MAX_LINKS: usize = 5;
/// Suggestions of the country field, and of the city field.
const MAX_SUGGESTIONS: usize = 50;

/// A city and a country from the query string, as they were written there.
pub(super) struct BoardFilter {
    city: Option<String>,
    country: Option<String>,
    /// The page that shows the board.
    path: &'static str,
}

impl BoardFilter {
    /// Takes the filter of the ranking from a query string.
    pub(super) fn for_ranking(query: &mut QueryFields) -> Self {
        Self { city: query.place("city"), country: query.place("country"), path: "/" }
    }

    /// Takes the filter of the gallery from a query string.
    pub(super) fn for_gallery(query: &mut QueryFields) -> Self {
        Self { path: "/videos", ..Self::for_ranking(query) }
    }

    pub(super) fn board(&self) -> Board {
        Board::of(self.city.as_deref(), self.country.as_deref())
    }

    pub(super) fn title(&self, messages: &Messages) -> String {
        match (self.city.as_deref(), self.country.as_deref()) {
            (None, None) => messages.whole_contest.to_owned(),
            (Some(place), None) | (None, Some(place)) => place.to_owned(),
            (Some(city), Some(country)) => format!("{city}, {country}"),
        }
    }

    fn parameters(&self) -> Vec<(&str, &str)> {
        let parameters = [("city", &self.city), ("country", &self.country)];
        parameters.into_iter().filter_map(|(name, place)| Some((name, place.as_deref()?))).collect()
    }

    /// The URL of this board on the same page, with further parameters.
    pub(super) fn url(&self, parameters: &[(&str, &str)]) -> String {
        let mut all = self.parameters();
        all.extend_from_slice(parameters);
        url(self.path, &all)
    }

    /// The URL of the board's stream, for a page that shows the version `id`.
    pub(super) fn stream_url(&self, id: &str) -> String {
        let mut all = self.parameters();
        all.push(("last_event_id", id));
        url("/api/public/rankings/stream", &all)
    }

    /// Hidden inputs, so that another form on the page keeps the board.
    pub(super) fn hidden_inputs(&self) -> Markup {
        html! {
            @for (name, value) in self.parameters() { input type="hidden" name=(name) value=(value); }
        }
    }

    /// Links to the largest boards, and a form for any other board.
    pub(super) fn navigation(&self, ctx: &PageContext, boards: &[BoardSize]) -> Markup {
        let messages = ctx.messages();
        let countries: Vec<&str> = boards
            .iter()
            .filter_map(|board| if board.city.is_none() { board.country.as_deref() } else { None })
            .take(MAX_SUGGESTIONS)
            .collect();
        let cities: Vec<&str> =
            boards.iter().filter_map(|board| board.city.as_deref()).take(MAX_SUGGESTIONS).collect();
        let link = |city: Option<&str>, country: Option<&str>, text: &str| {
            let there = Self {
                city: city.map(str::to_owned),
                country: country.map(str::to_owned),
                path: self.path,
            };
            let here = there.board() == self.board();
            html! {
                li { a href=(there.url(&[])) aria-current=[here.then_some("page")] { (text) } }
            }
        };
        html! {
            nav.boards aria-label=(messages.boards) {
                ul {
                    (link(None, None, messages.whole_contest))
                    @for country in countries.iter().take(MAX_LINKS) { (link(None, Some(country), country)) }
                    @for city in cities.iter().take(MAX_LINKS) { (link(Some(city), None, city)) }
                }
            }
            details.filters open[!self.parameters().is_empty()] {
                summary { (messages.filters) }
                form method="get" action=(self.path) {
                    (field("country", messages.country, self.country.as_deref(), &countries))
                    (field("city", messages.city, self.city.as_deref(), &cities))
                    button { (messages.show) }
                }
            }
        }
    }
}

fn field(name: &str, label: &str, value: Option<&str>, suggestions: &[&str]) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            input #(name) name=(name) value=(value.unwrap_or_default()) list={ (name) "-list" } maxlength="100"
                autocomplete="off";
            datalist id={ (name) "-list" } {
                @for suggestion in suggestions { option value=(suggestion) {} }
            }
        }
    }
}

fn url(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_keep_the_board() {
        let uri = "/?city=Bogot%C3%A1&country=%20".parse().unwrap();
        let filter = BoardFilter::for_ranking(&mut QueryFields::of(&uri));
        assert_eq!(filter.url(&[]), "/?city=Bogot%C3%A1");
        assert_eq!(filter.url(&[("page", "2")]), "/?city=Bogot%C3%A1&page=2");
        assert!(filter.stream_url("a.1").ends_with("?city=Bogot%C3%A1&last_event_id=a.1"));
        let whole_contest = BoardFilter::for_ranking(&mut QueryFields::of(&"/".parse().unwrap()));
        assert_eq!(whole_contest.url(&[]), "/");
    }
}
