//! The current boards of this process.
//!
//! A reader holds the lock while it reads, so it sees one revision of the ranking. The follower applies
//! changes in one short section, at most once per 40 ms.

use std::sync::{PoisonError, RwLock};

use domain::AccountId;
use tokio::sync::watch;

use super::recent_changes::RecentChanges;
use super::version::BoardsVersion;
use crate::boards::{Board, Boards, Change, Ranked};

/// The boards, once they are loaded.
#[derive(Debug)]
pub struct Rankings {
    current: RwLock<Option<Current>>,
    /// The current version, for readers that do not need the lock.
    version: watch::Sender<Option<BoardsVersion>>,
}

#[derive(Debug)]
struct Current {
    number: u64,
    boards: Boards,
    recent: RecentChanges,
}

/// What changed on a board since an earlier version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardChanges {
    /// The version after these changes.
    pub version: u64,
    /// Artists on the whole board.
    pub total: u64,
    /// The artists who changed, in rank order, at their new positions.
    pub ranked: Vec<Ranked>,
    /// Artists who changed and are not on the board now. Some of them never were.
    pub gone: Vec<AccountId>,
    /// Whether more artists changed, all of them behind the listed ones.
    pub more: bool,
}

impl Default for Rankings {
    fn default() -> Self {
        Self { current: RwLock::default(), version: watch::Sender::new(None) }
    }
}

impl Rankings {
    /// The newest version; `None` until the boards are loaded.
    pub fn version(&self) -> Option<BoardsVersion> {
        *self.version.borrow()
    }

    /// Every version from now on.
    pub fn versions(&self) -> watch::Receiver<Option<BoardsVersion>> {
        self.version.subscribe()
    }

    /// What changed on `board` since version `known`, at most `limit` artists. `None` if changes since
    /// then are no longer remembered, or if this process never had that version.
    pub fn changes(&self, board: &Board, known: u64, limit: usize) -> Option<BoardChanges> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let Current { number, boards, recent } = current.as_ref()?;
        if known > *number {
            return None;
        }
        let changed = recent.since(known)?;
        let artists: Vec<AccountId> = changed.artists.into_iter().collect();
        let positions = boards.positions(board, &artists);
        let placed = positions.into_iter().zip(artists);
        let mut placed: Vec<(u64, AccountId)> =
            placed.filter_map(|(position, artist)| Some((position?, artist))).collect();
        placed.sort_unstable();
        let more = placed.len() > limit;
        let listed = placed.into_iter().take(limit);
        let ranked = listed.filter_map(|(_, artist)| boards.find(board, artist)).collect();
        let absent = |artist: &AccountId| boards.position(board, *artist).is_none();
        let gone = changed.left.into_iter().filter(absent).collect();
        Some(BoardChanges { version: *number, total: boards.size(board), ranked, gone, more })
    }

    /// Reads the boards, all of one revision. Returns the number of the version as well; `None` until
    /// the boards are loaded.
    pub fn read<T>(&self, read: impl FnOnce(&Boards) -> T) -> Option<(u64, T)> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|current| (current.number, read(&current.boards)))
    }

    /// Replaces all boards.
    pub fn replace(&self, boards: Boards) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let number = current.as_ref().map_or(0, |current| current.number) + 1;
        let old = current.replace(Current { number, boards, recent: RecentChanges::after(number) });
        self.publish_version(number);
        drop(current);
        // Freed after the lock: a million entries take a while.
        drop(old);
    }

    /// Moves the boards to a later revision, in one step.
    pub fn apply(&self, ranking_revision: u64, changes: Vec<Change>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_mut() {
            current.number += 1;
            current.recent.add(current.number, &changes);
            current.boards.apply(ranking_revision, changes);
            self.publish_version(current.number);
        }
    }

    fn publish_version(&self, number: u64) {
        self.version.send_replace(Some(BoardsVersion::new(number)));
    }
}
