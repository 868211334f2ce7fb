//! Who reads while boards are written sees one generation, and nothing in between.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::AccountId;
use domain::ranking::Standing;
use projections::boards::{Board, Boards, Change, Gathering};
use projections::rankings::Rankings;
use uuid::Uuid;

use crate::boards::contest::time;

const ARTISTS: u64 = 2_000;
const GENERATIONS: u64 = 300;

/// In each generation all artists have the same sum of votes, in another order.
fn standing(artist: u64, generation: u64) -> Standing {
    let id = AccountId(Uuid::from_u128(u128::from(artist)));
    let votes = (artist + generation * 7) % ARTISTS;
    Standing { artist: id, votes, reached_at: time(generation as i64) }
}

fn first_boards() -> Boards {
    let mut gathering = Gathering::default();
    (0..ARTISTS).for_each(|artist| gathering.add(standing(artist, 0), "Lima", "Perú"));
    gathering.into_boards(0)
}

fn changes(generation: u64) -> Vec<Change> {
    let change = |artist| Change::Ranks {
        standing: standing(artist, generation),
        city: "Lima".to_owned(),
        country: "Perú".to_owned(),
    };
    (0..ARTISTS).map(change).collect()
}

#[test]
fn readers_see_whole_generations() {
    let rankings = Rankings::default();
    assert!(rankings.read(|_| ()).is_none() && rankings.edition().is_none());
    rankings.replace(first_boards());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            (0..2).map(|_| scope.spawn(|| read_until(&done, &rankings))).collect();
        for generation in 1..=GENERATIONS {
            match generation % 50 {
                0 => rankings.replace(reloaded(generation)),
                _ => rankings.apply(generation, changes(generation)),
            }
            let edition = rankings.edition().unwrap();
            assert_eq!(edition.number, generation + 1, "one edition each");
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 1, "a reader that saw one generation only");
        }
    });
}

fn reloaded(generation: u64) -> Boards {
    let mut gathering = Gathering::default();
    (0..ARTISTS).for_each(|artist| gathering.add(standing(artist, generation), "Lima", "Perú"));
    gathering.into_boards(generation)
}

/// Pages through the board again and again; says how many generations were seen.
fn read_until(done: &AtomicBool, rankings: &Rankings) -> usize {
    let board = Board::of(Some("lima"), None);
    let mut seen = HashSet::new();
    let mut newest = 0;
    while !done.load(Ordering::Relaxed) {
        let look = |boards: &Boards| {
            let pages = (0..20).flat_map(|page| boards.page(&board, page * 100, 100).artists);
            let rows: Vec<_> = pages.map(|ranked| (ranked.position, ranked.standing)).collect();
            (boards.generation(), rows)
        };
        let (_, (generation, rows)) = rankings.read(look).unwrap();
        assert!(generation >= newest, "back in time");
        newest = generation;
        seen.insert(generation);
        let mut expected: Vec<_> =
            (0..ARTISTS).map(|artist| standing(artist, generation)).collect();
        expected.sort();
        let expected: Vec<_> = (1..).zip(expected).collect();
        assert!(rows == expected, "generation {generation} is torn");
    }
    seen.len()
}
