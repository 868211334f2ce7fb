//! The boards as this process serves them: read by many at once, kept in step by a follower.
//!
//! A reader holds the lock while it looks, and so sees one revision and nothing in between. The
//! follower applies what has come since in one short section, every 40 ms at most.

mod boards_follower;
mod recent;
mod rows;

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use domain::AccountId;
use tokio::sync::watch;

use crate::boards::{Board, Boards, Change, Ranked};

pub use boards_follower::BoardsFollower;

use recent::Recent;

/// One state of the boards in this process.
///
/// Its number counts states, not revisions: it never comes twice, also if the database has to go
/// back to an older revision after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardsVersion {
    /// Counted from 1.
    pub number: u64,
    since: Instant,
}

impl BoardsVersion {
    /// One that has just begun.
    pub fn new(number: u64) -> Self {
        Self::since(number, Instant::now())
    }

    /// One that began then.
    pub fn since(number: u64, since: Instant) -> Self {
        Self { number, since }
    }

    /// How long ago it replaced the one before.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

/// The boards, once they are loaded.
#[derive(Debug)]
pub struct Rankings {
    current: RwLock<Option<Current>>,
    /// What is current, for those who need not look into the boards.
    version: watch::Sender<Option<BoardsVersion>>,
}

#[derive(Debug)]
struct Current {
    number: u64,
    boards: Boards,
    recent: Recent,
}

/// What has become of a board since an earlier version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardChanges {
    /// The version that this leads to.
    pub version: u64,
    /// Artists on the whole board.
    pub total: u64,
    /// Those of whom something has changed, in rank order, at their new positions.
    pub ranked: Vec<Ranked>,
    /// Those who are not on the board any more, or never were.
    pub gone: Vec<AccountId>,
    /// Whether others have changed that stand behind all those listed.
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

    /// What has changed on `board` since version `known`, at most `limit` artists of it; `None` if
    /// that cannot be told any more, or if there never was such an version.
    pub fn changes(&self, board: &Board, known: u64, limit: usize) -> Option<BoardChanges> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let Current { number, boards, recent } = current.as_ref()?;
        if known > *number {
            return None;
        }
        let touched = recent.since(known)?;
        let artists: Vec<AccountId> = touched.artists.into_iter().collect();
        let positions = boards.positions(board, &artists);
        let placed = positions.into_iter().zip(artists);
        let mut placed: Vec<(u64, AccountId)> =
            placed.filter_map(|(position, artist)| Some((position?, artist))).collect();
        placed.sort_unstable();
        let more = placed.len() > limit;
        let listed = placed.into_iter().take(limit);
        let ranked = listed.filter_map(|(_, artist)| boards.find(board, artist)).collect();
        let absent = |artist: &AccountId| boards.position(board, *artist).is_none();
        let gone = touched.left.into_iter().filter(absent).collect();
        Some(BoardChanges { version: *number, total: boards.size(board), ranked, gone, more })
    }

    /// Looks into the boards, all of one revision. Returns the version's number, too; `None` until
    /// the boards are loaded.
    pub fn read<T>(&self, look: impl FnOnce(&Boards) -> T) -> Option<(u64, T)> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|current| (current.number, look(&current.boards)))
    }

    /// Puts others in the place of all boards.
    pub fn replace(&self, boards: Boards) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let number = current.as_ref().map_or(0, |current| current.number) + 1;
        let old = current.replace(Current { number, boards, recent: Recent::after(number) });
        self.publish_version(number);
        drop(current);
        // Freeing a million entries takes a while; no reader waits for it.
        drop(old);
    }

    /// Moves the boards on to a later revision, in one step.
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
