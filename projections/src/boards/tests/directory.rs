//! The list of boards that have artists.

use crate::boards::{BoardSize, Boards, Change};
use domain::AccountId;
use domain::ranking::Standing;
use uuid::Uuid;

use super::contest::time;

fn ranks(person: u128, city: &str, country: &str) -> Change {
    let artist = AccountId(Uuid::from_u128(person));
    let standing = Standing { artist, votes: 1, reached_at: time(0) };
    Change::Ranks { standing, city: city.to_owned(), country: country.to_owned() }
}

fn listed(boards: &Boards) -> Vec<(Option<String>, Option<String>, u64)> {
    let text = |name: Option<std::sync::Arc<str>>| name.map(|name| name.to_string());
    let line = |BoardSize { city, country, artists }| (text(city), text(country), artists);
    boards.directory().into_iter().map(line).collect()
}

fn city(name: &str, artists: u64) -> (Option<String>, Option<String>, u64) {
    (Some(name.to_owned()), None, artists)
}

fn country(name: &str, artists: u64) -> (Option<String>, Option<String>, u64) {
    (None, Some(name.to_owned()), artists)
}

#[test]
fn the_commonest_spelling_of_a_place_is_listed() {
    let mut boards = Boards::default();
    assert_eq!(listed(&boards), []);
    boards.apply(
        1,
        [
            ranks(1, "Bogotá", "Colombia"),
            ranks(2, "Bogotá", "colombia"),
            ranks(3, "bogota", "Colombia"),
            ranks(4, "Santiago", "Chile"),
            ranks(5, "Santiago", "Cuba"),
        ],
    );
    let all = (None, None, 5);
    let countries = [country("Colombia", 3), country("Chile", 1), country("Cuba", 1)];
    let cities = [city("Bogotá", 3), city("Santiago", 2)];
    assert_eq!(listed(&boards), [&[all][..], &countries, &cities].concat());

    let left = [1, 2, 5].map(|person| Change::Leaves(AccountId(Uuid::from_u128(person))));
    boards.apply(2, left);
    let countries = [country("Chile", 1), country("Colombia", 1)];
    let cities = [city("Santiago", 1), city("bogota", 1)];
    assert_eq!(listed(&boards), [&[(None, None, 2)][..], &countries, &cities].concat());
}
