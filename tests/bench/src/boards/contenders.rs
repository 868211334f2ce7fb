//! The boards, and a contender built from libraries.

use std::collections::HashMap;

use domain::AccountId;
use domain::ranking::Standing;
use indexset::BTreeSet;
use projections::boards::{Board, Boards, BoardsBuilder, Change};

/// An artist's new standing. Cities and countries are numbers.
pub(super) struct Vote {
    pub(super) standing: Standing,
    pub(super) city: u64,
    pub(super) country: u64,
}

/// The operations that are measured.
pub(super) trait Contender {
    /// Prepared votes.
    type Generation;

    fn load(artists: impl Iterator<Item = Vote>) -> Self;
    /// An artist's position on the global board; 0 if unknown.
    fn position(&self, artist: AccountId) -> u64;
    /// How many of these artists have a position on the global board.
    fn positions(&self, artists: &[AccountId]) -> usize;
    /// The number of rows on a page of the global board that starts at `skip`.
    fn page(&self, skip: u64) -> usize;
    fn generation(votes: impl Iterator<Item = Vote>) -> Self::Generation;
    fn apply(&mut self, generation: Self::Generation);
}

fn names(city: u64, country: u64) -> (String, String) {
    (format!("Ciudad {city}"), format!("País {country}"))
}

impl Contender for Boards {
    type Generation = Vec<Change>;

    fn load(artists: impl Iterator<Item = Vote>) -> Self {
        let mut builder = BoardsBuilder::default();
        for Vote { standing, city, country } in artists {
            let (city, country) = names(city, country);
            builder.add(standing, &city, &country);
        }
        builder.build(0)
    }

    fn position(&self, artist: AccountId) -> u64 {
        self.position(&Board::default(), artist).unwrap_or_default()
    }

    fn positions(&self, artists: &[AccountId]) -> usize {
        self.positions(&Board::default(), artists).into_iter().flatten().count()
    }

    fn page(&self, skip: u64) -> usize {
        self.page(&Board::default(), skip, 20).artists.len()
    }

    fn generation(votes: impl Iterator<Item = Vote>) -> Vec<Change> {
        let change = |Vote { standing, city, country }| {
            let (city, country) = names(city, country);
            Change::Ranks { standing, city, country }
        };
        votes.map(change).collect()
    }

    fn apply(&mut self, generation: Vec<Change>) {
        self.apply(self.ranking_revision() + 1, generation);
    }
}

/// One ordered set of standings per board, and a map by artist.
#[derive(Default)]
pub(super) struct Library {
    artists: HashMap<AccountId, Standing>,
    global: BTreeSet<Standing>,
    parts: HashMap<(Option<u64>, Option<u64>), BTreeSet<Standing>>,
}

impl Library {
    fn parts(city: u64, country: u64) -> [(Option<u64>, Option<u64>); 3] {
        [(None, Some(country)), (Some(city), None), (Some(city), Some(country))]
    }

    fn change(&mut self, Vote { standing, city, country }: Vote) {
        let old = self.artists.insert(standing.artist, standing);
        let parts = Self::parts(city, country);
        for set in std::iter::once(None).chain(parts.map(Some)) {
            let set = match set {
                None => &mut self.global,
                Some(part) => self.parts.entry(part).or_default(),
            };
            if let Some(old) = old {
                set.remove(&old);
            }
            set.insert(standing);
        }
    }
}

impl Contender for Library {
    type Generation = Vec<Vote>;

    fn load(artists: impl Iterator<Item = Vote>) -> Self {
        let mut library = Self::default();
        artists.for_each(|artist| library.change(artist));
        library
    }

    fn position(&self, artist: AccountId) -> u64 {
        let standing = self.artists.get(&artist);
        standing.map_or(0, |standing| self.global.rank(standing) as u64 + 1)
    }

    fn positions(&self, artists: &[AccountId]) -> usize {
        artists.iter().filter(|artist| self.position(**artist) > 0).count()
    }

    fn page(&self, skip: u64) -> usize {
        let rows = (skip as usize..).take(20).map_while(|n| self.global.get_index(n).copied());
        rows.collect::<Vec<_>>().len()
    }

    fn generation(votes: impl Iterator<Item = Vote>) -> Vec<Vote> {
        votes.collect()
    }

    fn apply(&mut self, generation: Vec<Vote>) {
        generation.into_iter().for_each(|vote| self.change(vote));
    }
}
