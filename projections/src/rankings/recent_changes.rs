//! The artists whom the newest versions changed, for readers that know an earlier version.

use std::collections::{HashSet, VecDeque};

use domain::AccountId;

use crate::boards::Change;

/// Artists that are remembered at most, over all versions: a megabyte.
const MAX_ARTISTS: usize = 65_536;

/// The changes of the newest versions, the oldest first.
#[derive(Debug)]
pub(super) struct RecentChanges {
    /// The version before the oldest remembered one.
    floor: u64,
    versions: VecDeque<VersionChanges>,
    remembered: usize,
}

#[derive(Debug)]
struct VersionChanges {
    number: u64,
    ranking: Box<[AccountId]>,
    left: Box<[AccountId]>,
}

/// Artists whom a range of versions changed, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChangedArtists {
    /// All artists who changed.
    pub(super) artists: HashSet<AccountId>,
    /// Those among them who left the boards. Some may have returned.
    pub(super) left: HashSet<AccountId>,
}

impl RecentChanges {
    /// Remembers nothing up to and including `version`.
    pub(super) fn after(version: u64) -> Self {
        Self { floor: version, versions: VecDeque::new(), remembered: 0 }
    }

    /// Adds the changes of the next version, and forgets the oldest versions to make room.
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
        self.versions.push_back(VersionChanges { number, ranking, left });
        while self.remembered > MAX_ARTISTS {
            let Some(oldest) = self.versions.pop_front() else { return };
            self.remembered -= oldest.ranking.len() + oldest.left.len();
            self.floor = oldest.number;
        }
    }

    /// The artists whom the versions after `known` changed; `None` if they are no longer remembered.
    pub(super) fn since(&self, known: u64) -> Option<ChangedArtists> {
        if known < self.floor {
            return None;
        }
        let mut changed = ChangedArtists::default();
        for version in self.versions.iter().rev().take_while(|version| version.number > known) {
            changed.artists.extend(version.ranking.iter().chain(&version.left));
            changed.left.extend(&version.left);
        }
        Some(changed)
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
    fn changed_artists_are_known_since_any_remembered_version() {
        let mut recent = RecentChanges::after(7);
        recent.add(8, &leaving(0..2));
        recent.add(9, &leaving(1..3));
        let told = |known| recent.since(known).map(|changed| changed.artists);
        assert_eq!(told(6), None);
        assert_eq!(told(7), Some([0, 1, 2].map(artist).into()));
        assert_eq!(told(8), Some([1, 2].map(artist).into()));
        assert_eq!(told(9), Some(HashSet::new()));
    }

    #[test]
    fn the_oldest_versions_are_forgotten_first() {
        let mut recent = RecentChanges::after(0);
        let half = MAX_ARTISTS as u128 / 2;
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
