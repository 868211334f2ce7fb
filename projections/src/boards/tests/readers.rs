//! Concurrent readers see one revision of the boards, never a mixture.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::boards::{Board, Boards, BoardsBuilder, Change};
use crate::rankings::Rankings;
use domain::AccountId;
use domain::ranking::Standing;
use uuid::Uuid;

use super::contest::time;

const ARTISTS: u64 = 2_000;
const REVISIONS: u64 = 300;

/// Each revision has the same vote counts, in another order.
fn standing(artist: u64, ranking_revision: u64) -> Standing {
    let id = AccountId(Uuid::from_u128(u128::from(artist)));
    let votes = (artist + ranking_revision * 7) % ARTISTS;
    Standing { artist: id, votes, reached_at: time(ranking_revision as i64) }
}

fn first_boards() -> Boards {
    let mut builder = BoardsBuilder::default();
    (0..ARTISTS).for_each(|artist| builder.add(standing(artist, 0), "Lima", "Perú"));
    builder.build(0)
}

fn changes(ranking_revision: u64) -> Vec<Change> {
    let change = |artist| Change::Ranks {
        standing: standing(artist, ranking_revision),
        city: "Lima".to_owned(),
        country: "Perú".to_owned(),
    };
    (0..ARTISTS).map(change).collect()
}

#[test]
fn readers_never_see_a_mixture_of_revisions() {
    let rankings = Rankings::default();
    assert!(rankings.read(|_| ()).is_none() && rankings.version().is_none());
    rankings.replace(first_boards());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            (0..2).map(|_| scope.spawn(|| read_until(&done, &rankings))).collect();
        for ranking_revision in 1..=REVISIONS {
            match ranking_revision % 50 {
                0 => rankings.replace(reloaded(ranking_revision)),
                _ => rankings.apply(ranking_revision, changes(ranking_revision)),
            }
            let version = rankings.version().unwrap();
            assert_eq!(version.number, ranking_revision + 1, "one version each");
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 1, "a reader that saw one revision only");
        }
    });
}

fn reloaded(ranking_revision: u64) -> Boards {
    let mut builder = BoardsBuilder::default();
    (0..ARTISTS).for_each(|artist| builder.add(standing(artist, ranking_revision), "Lima", "Perú"));
    builder.build(ranking_revision)
}

/// Pages through the board until `done`. Returns the number of different revisions.
fn read_until(done: &AtomicBool, rankings: &Rankings) -> usize {
    let board = Board::of(Some("lima"), None);
    let mut seen = HashSet::new();
    let mut newest = 0;
    while !done.load(Ordering::Relaxed) {
        let look = |boards: &Boards| {
            let pages = (0..20).flat_map(|page| boards.page(&board, page * 100, 100).artists);
            let rows: Vec<_> = pages.map(|ranked| (ranked.position, ranked.standing)).collect();
            (boards.ranking_revision(), rows)
        };
        let (_, (ranking_revision, rows)) = rankings.read(look).unwrap();
        assert!(ranking_revision >= newest, "back in time");
        newest = ranking_revision;
        seen.insert(ranking_revision);
        let mut expected: Vec<_> =
            (0..ARTISTS).map(|artist| standing(artist, ranking_revision)).collect();
        expected.sort();
        let expected: Vec<_> = (1..).zip(expected).collect();
        assert!(rows == expected, "revision {ranking_revision} is torn");
    }
    seen.len()
}
