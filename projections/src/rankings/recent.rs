//! Whom the newest versions touched: what somebody who knows an earlier one has to be told.

use std::collections::{HashSet, VecDeque};

use domain::AccountId;

use crate::boards::Change;

/// Artists that are remembered at most, over all versions: a megabyte.
const REMEMBERED: usize = 65_536;

/// The newest versions, the oldest first.
#[derive(Debug)]
pub(super) struct Recent {
    /// The version that the oldest remembered one came after.
    floor: u64,
    versions: VecDeque<RecentVersion>,
    remembered: usize,
}

#[derive(Debug)]
struct RecentVersion {
    number: u64,
    ranking: Box<[AccountId]>,
    left: Box<[AccountId]>,
}

/// Artists whom some versions touched, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChangedArtists {
    /// Everybody of whom something has changed.
    pub(super) artists: HashSet<AccountId>,
    /// Those among them who left the boards, and may have come back.
    pub(super) left: HashSet<AccountId>,
}

impl Recent {
    /// Remembers nothing of `version` and all before.
    pub(super) fn after(version: u64) -> Self {
        Self { floor: version, versions: VecDeque::new(), remembered: 0 }
    }

    /// Takes in what the next version changes, and forgets the oldest ones for it.
    pub(super) fn add(&mut self, number: u64, changes: &[Change]) {
        let (mut ranking, mut left) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Ranks { standing, .. } => ranking.push(standing.artist),
                Change::Leaves(artist) => left.push(*artist),
            }
        }
        self.remembered += changes.len();
        let (ranking, left) = (ranking.into(), left.into());
        self.versions.push_back(RecentVersion { number, ranking, left });
        while self.remembered > REMEMBERED {
            let Some(oldest) = self.versions.pop_front() else { return };
            self.remembered -= oldest.ranking.len() + oldest.left.len();
            self.floor = oldest.number;
        }
    }

    /// Whom the versions after `known` touched; `None` if it cannot be told any more.
    pub(super) fn since(&self, known: u64) -> Option<ChangedArtists> {
        if known < self.floor {
            return None;
        }
        let mut touched = ChangedArtists::default();
        for version in self.versions.iter().rev().take_while(|version| version.number > known) {
            touched.artists.extend(version.ranking.iter().chain(&version.left));
            touched.left.extend(&version.left);
        }
        Some(touched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn artist(n: u128) -> AccountId {
        AccountId(Uuid::from_u128(n))
    }

    fn leaving(artists: std::ops::Range<u128>) -> Vec<Change> {
        artists.map(|n| Change::Leaves(artist(n))).collect()
    }

    #[test]
    fn who_was_touched_is_told_from_any_remembered_edition_on() {
        let mut recent = Recent::after(7);
        recent.add(8, &leaving(0..2));
        recent.add(9, &leaving(1..3));
        let told = |known| recent.since(known).map(|touched| touched.artists);
        assert_eq!(told(6), None);
        assert_eq!(told(7), Some([0, 1, 2].map(artist).into()));
        assert_eq!(told(8), Some([1, 2].map(artist).into()));
        assert_eq!(told(9), Some(HashSet::new()));
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut recent = Recent::after(0);
        let half = REMEMBERED as u128 / 2;
        recent.add(1, &leaving(0..half));
        recent.add(2, &leaving(0..half));
        assert!(recent.since(0).is_some());
        recent.add(3, &leaving(0..1));
        assert_eq!(recent.since(0), None);
        assert_eq!(recent.since(1).unwrap().artists.len(), half as usize);
        recent.add(4, &leaving(0..2 * half + 1));
        assert_eq!(recent.since(3), None, "one that is too large by itself");
        assert_eq!(recent.since(4), Some(ChangedArtists::default()));
    }
}
