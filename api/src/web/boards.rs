//! Which board is shown, and how one comes to another.

use maud::{Markup, html};
use projections::boards::{Board, BoardSize};
use url::form_urlencoded::Serializer;

use super::visit::Visit;
use super::words::Words;
use crate::extract::QueryFields;

/// Links to the largest boards of each kind.
const LINKS: usize = 5;
/// Names that the fields suggest.
const SUGGESTIONS: usize = 50;

/// The city and the country that were asked for, as they were written.
pub(super) struct Choice {
    city: Option<String>,
    country: Option<String>,
    /// Where it is shown.
    path: &'static str,
}

impl Choice {
    /// Of the ranking.
    pub(super) fn of(query: &mut QueryFields) -> Self {
        Self { city: query.place("city"), country: query.place("country"), path: "/" }
    }

    /// Of the gallery.
    pub(super) fn of_gallery(query: &mut QueryFields) -> Self {
        Self { path: "/videos", ..Self::of(query) }
    }

    pub(super) fn board(&self) -> Board {
        Board::of(self.city.as_deref(), self.country.as_deref())
    }

    pub(super) fn title(&self, words: &Words) -> String {
        match (self.city.as_deref(), self.country.as_deref()) {
            (None, None) => words.whole_contest.to_owned(),
            (Some(place), None) | (None, Some(place)) => place.to_owned(),
            (Some(city), Some(country)) => format!("{city}, {country}"),
        }
    }

    fn places(&self) -> Vec<(&str, &str)> {
        let places = [("city", &self.city), ("country", &self.country)];
        places.into_iter().filter_map(|(name, place)| Some((name, place.as_deref()?))).collect()
    }

    /// The same board with other parameters.
    pub(super) fn link(&self, parameters: &[(&str, &str)]) -> String {
        let mut all = self.places();
        all.extend_from_slice(parameters);
        address(self.path, &all)
    }

    /// Where its changes come from, for who knows it as of `id`.
    pub(super) fn stream(&self, id: &str) -> String {
        let path = "/api/public/rankings/stream";
        let mut all = self.places();
        all.push(("last_event_id", id));
        address(path, &all)
    }

    /// For another form on the page.
    pub(super) fn hidden(&self) -> Markup {
        html! {
            @for (name, value) in self.places() { input type="hidden" name=(name) value=(value); }
        }
    }

    /// Links to the largest boards, and fields for any other.
    pub(super) fn bar(&self, visit: &Visit, boards: &[BoardSize]) -> Markup {
        let words = visit.words();
        let countries: Vec<&str> = boards
            .iter()
            .filter_map(|board| if board.city.is_none() { board.country.as_deref() } else { None })
            .take(SUGGESTIONS)
            .collect();
        let cities: Vec<&str> =
            boards.iter().filter_map(|board| board.city.as_deref()).take(SUGGESTIONS).collect();
        let link = |city: Option<&str>, country: Option<&str>, text: &str| {
            let there = Self {
                city: city.map(str::to_owned),
                country: country.map(str::to_owned),
                path: self.path,
            };
            let here = there.board() == self.board();
            html! {
                li { a href=(there.link(&[])) aria-current=[here.then_some("page")] { (text) } }
            }
        };
        html! {
            nav.boards aria-label=(words.boards) {
                ul {
                    (link(None, None, words.whole_contest))
                    @for country in countries.iter().take(LINKS) { (link(None, Some(country), country)) }
                    @for city in cities.iter().take(LINKS) { (link(Some(city), None, city)) }
                }
            }
            details.filters open[!self.places().is_empty()] {
                summary { (words.filters) }
                form method="get" action=(self.path) {
                    (place("country", words.country, self.country.as_deref(), &countries))
                    (place("city", words.city, self.city.as_deref(), &cities))
                    button { (words.show) }
                }
            }
        }
    }
}

fn place(name: &str, label: &str, value: Option<&str>, suggestions: &[&str]) -> Markup {
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

fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_board() {
        let uri = "/?city=Bogot%C3%A1&country=%20".parse().unwrap();
        let choice = Choice::of(&mut QueryFields::of(&uri));
        assert_eq!(choice.link(&[]), "/?city=Bogot%C3%A1");
        assert_eq!(choice.link(&[("page", "2")]), "/?city=Bogot%C3%A1&page=2");
        assert!(choice.stream("a.1").ends_with("?city=Bogot%C3%A1&last_event_id=a.1"));
        let everybody = Choice::of(&mut QueryFields::of(&"/".parse().unwrap()));
        assert_eq!(everybody.link(&[]), "/");
    }
}
