//! Boards, and what one would build of libraries instead.

use std::collections::HashMap;

use domain::AccountId;
use domain::ranking::Standing;
use indexset::BTreeSet;
use projections::boards::{Board, Boards, Change, Gathering};

/// The operations that are measured. Places are numbers.
pub(super) trait Contender {
    fn load(artists: impl Iterator<Item = (Standing, u64, u64)>) -> Self;
    /// Among everybody.
    fn position(&self, artist: AccountId) -> u64;
    /// The rows of a page of everybody that begins at `skip`.
    fn page(&self, skip: u64) -> usize;
    fn change(&mut self, standing: Standing, city: u64, country: u64);
}

fn names(city: u64, country: u64) -> (String, String) {
    (format!("Ciudad {city}"), format!("País {country}"))
}

impl Contender for Boards {
    fn load(artists: impl Iterator<Item = (Standing, u64, u64)>) -> Self {
        let mut gathering = Gathering::default();
        for (standing, city, country) in artists {
            let (city, country) = names(city, country);
            gathering.add(standing, &city, &country);
        }
        gathering.into_boards(0)
    }

    fn position(&self, artist: AccountId) -> u64 {
        self.position(&Board::default(), artist).unwrap_or_default()
    }

    fn page(&self, skip: u64) -> usize {
        self.page(&Board::default(), skip, 20).artists.len()
    }

    fn change(&mut self, standing: Standing, city: u64, country: u64) {
        let (city, country) = names(city, country);
        let generation = self.generation() + 1;
        self.apply(generation, [Change::Ranks { standing, city, country }]);
    }
}

/// A set of whole standings for each board: its order needs the values themselves.
#[derive(Default)]
pub(super) struct Library {
    artists: HashMap<AccountId, Standing>,
    everybody: BTreeSet<Standing>,
    parts: HashMap<(Option<u64>, Option<u64>), BTreeSet<Standing>>,
}

impl Library {
    fn parts(city: u64, country: u64) -> [(Option<u64>, Option<u64>); 3] {
        [(None, Some(country)), (Some(city), None), (Some(city), Some(country))]
    }
}

impl Contender for Library {
    fn load(artists: impl Iterator<Item = (Standing, u64, u64)>) -> Self {
        let mut library = Self::default();
        for (standing, city, country) in artists {
            library.change(standing, city, country);
        }
        library
    }

    fn position(&self, artist: AccountId) -> u64 {
        let standing = self.artists.get(&artist);
        standing.map_or(0, |standing| self.everybody.rank(standing) as u64 + 1)
    }

    fn page(&self, skip: u64) -> usize {
        let rows = (skip as usize..).take(20).map_while(|n| self.everybody.get_index(n).copied());
        rows.collect::<Vec<_>>().len()
    }

    fn change(&mut self, standing: Standing, city: u64, country: u64) {
        let old = self.artists.insert(standing.artist, standing);
        let parts = Self::parts(city, country);
        for set in std::iter::once(None).chain(parts.map(Some)) {
            let set = match set {
                None => &mut self.everybody,
                Some(part) => self.parts.entry(part).or_default(),
            };
            if let Some(old) = old {
                set.remove(&old);
            }
            set.insert(standing);
        }
    }
}
