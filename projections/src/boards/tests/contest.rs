//! A contest with random changes, and its ranking by a plain sort.

use std::collections::BTreeMap;

use crate::boards::{Board, Boards, BoardsBuilder, Change, Page};
use domain::ranking::Standing;
use domain::text::place_key;
use domain::{AccountId, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

/// Two spellings of one city, a city name in two countries, and a city whose key is empty.
const PLACES: [(&str, &str); 7] = [
    ("Bogotá", "Colombia"),
    ("BOGOTA", "colombia"),
    ("Cali", "Colombia"),
    ("Lima", "Perú"),
    ("Santiago", "Chile"),
    ("Santiago", "Cuba"),
    ("\u{301}", "Perú"),
];

pub(crate) struct Contest {
    random: StdRng,
    persons: u64,
    most_votes: u64,
    artists: BTreeMap<AccountId, (Standing, usize)>,
}

impl Contest {
    /// A small `most_votes` makes many ties.
    pub(crate) fn new(seed: u64, persons: u64, most_votes: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { random, persons, most_votes, artists: BTreeMap::new() }
    }

    /// Changes a random artist, who leaves in `leaving` of ten cases.
    pub(crate) fn step(&mut self, leaving: u32) -> Change {
        let artist =
            AccountId(Uuid::from_u128(u128::from(self.random.random_range(0..self.persons))));
        if self.random.random_ratio(leaving, 10) {
            self.artists.remove(&artist);
            return Change::Leaves(artist);
        }
        let before = self.artists.get(&artist).copied();
        let votes = match (self.random.random_range(0..10), before) {
            (0, _) => 0,
            (1..3, _) | (_, None) => self.random.random_range(0..=self.most_votes),
            (_, Some((standing, _))) => standing.votes + 1,
        };
        let place = match before {
            Some((_, place)) if self.random.random_ratio(9, 10) => place,
            _ => self.random.random_range(0..PLACES.len()),
        };
        let standing = Standing { artist, votes, reached_at: time(self.random.random_range(0..5)) };
        self.artists.insert(artist, (standing, place));
        ranks(standing, place)
    }

    pub(crate) fn loaded(&self) -> Boards {
        let mut builder = BoardsBuilder::default();
        for (standing, place) in self.artists.values() {
            builder.add(*standing, PLACES[*place].0, PLACES[*place].1);
        }
        builder.build(0)
    }

    pub(crate) fn somebody(&mut self) -> AccountId {
        AccountId(Uuid::from_u128(u128::from(self.random.random_range(0..self.persons))))
    }

    /// A board by a plain sort.
    fn recount(&self, board: &Board) -> Vec<Standing> {
        let fits = |key: Option<&str>, place| key.is_none_or(|key| key == place_key(place));
        let on = |place: usize| {
            let (city, country) = PLACES[place];
            fits(board.city(), city) && fits(board.country(), country)
        };
        let ranked = self.artists.values().filter(|(_, place)| on(*place));
        let mut ranked: Vec<Standing> = ranked.map(|(standing, _)| *standing).collect();
        ranked.sort();
        ranked
    }

    /// Checks every position, page and neighbourhood of every board. Looks up one of `every` artists by
    /// id.
    pub(crate) fn check(&self, boards: &Boards, every: usize) {
        boards.check();
        assert_eq!(boards.artists(), self.artists.len());
        for board in all_boards() {
            let expected = self.recount(&board);
            assert_eq!(boards.size(&board), expected.len() as u64, "{board:?}");
            let mut paged = Vec::new();
            for number in 0.. {
                let page = boards.page(&board, number * 97, 97);
                if page.artists.is_empty() {
                    break;
                }
                assert_eq!(page.total, expected.len() as u64);
                paged.extend(rows(&page));
            }
            let beyond = boards.page(&board, u64::MAX, 100);
            assert_eq!((beyond.total, beyond.artists.len()), (expected.len() as u64, 0));
            let numbered: Vec<(u64, Standing)> = (1..).zip(expected.iter().copied()).collect();
            assert!(paged == numbered, "{board:?} is paged wrongly");
            self.check_positions(boards, &board, &numbered);
            for (position, standing) in numbered.iter().step_by(every) {
                assert_eq!(boards.position(&board, standing.artist), Some(*position), "{board:?}");
                let around = boards.around(&board, standing.artist, 5).unwrap();
                let first = (*position as usize).saturating_sub(3);
                let first = first.min(numbered.len().saturating_sub(5));
                assert_eq!(rows(&around), numbered[first..numbered.len().min(first + 5)]);
            }
        }
        for person in (0..self.persons).step_by(every) {
            let artist = AccountId(Uuid::from_u128(u128::from(person)));
            let standing = self.artists.get(&artist).map(|(standing, _)| *standing);
            let found = boards.standing(artist);
            assert_eq!(found.as_ref().map(|(ranked, _)| ranked.standing), standing);
            for place in found.iter().flat_map(|(_, places)| places) {
                let board = Board::of(place.city.as_deref(), place.country.as_deref());
                assert_eq!(boards.position(&board, artist), Some(place.position));
                assert_eq!(boards.size(&board), place.total);
            }
        }
    }

    /// Checks the positions of all persons on a board in one batch, absent ones included.
    fn check_positions(&self, boards: &Boards, board: &Board, numbered: &[(u64, Standing)]) {
        let persons: Vec<AccountId> = (0..self.persons)
            .map(|person| AccountId(Uuid::from_u128(u128::from(person))))
            .collect();
        let mut expected = vec![None; persons.len()];
        for (position, standing) in numbered {
            expected[standing.artist.0.as_u128() as usize] = Some(*position);
        }
        assert!(boards.positions(board, &persons) == expected, "{board:?}");
    }

    /// Checks an artist's position among all, by counting.
    pub(crate) fn check_position(&self, boards: &Boards, artist: AccountId) {
        let position = self.artists.get(&artist).map(|(standing, _)| {
            1 + self.artists.values().filter(|(other, _)| other < standing).count() as u64
        });
        assert_eq!(boards.position(&Board::default(), artist), position);
    }
}

pub(crate) fn rows(page: &Page) -> Vec<(u64, Standing)> {
    page.artists.iter().map(|ranked| (ranked.position, ranked.standing)).collect()
}

pub(crate) fn time(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

fn ranks(standing: Standing, place: usize) -> Change {
    let (city, country) = PLACES[place];
    Change::Ranks { standing, city: city.to_owned(), country: country.to_owned() }
}

/// Every possible board, and some that are empty.
fn all_boards() -> Vec<Board> {
    let cities = PLACES.iter().map(|(city, _)| Some(*city)).chain([None, Some("Quito")]);
    let countries = || PLACES.iter().map(|(_, country)| Some(*country)).chain([None]);
    let mut boards: Vec<Board> =
        cities.flat_map(|city| countries().map(move |country| Board::of(city, country))).collect();
    boards.sort_by_key(|board| format!("{board:?}"));
    boards.dedup();
    boards
}
