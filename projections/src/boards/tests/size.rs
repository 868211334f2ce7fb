//! Memory per artist and board.

use crate::boards::{Boards, BoardsBuilder, Change};
use domain::AccountId;
use domain::ranking::Standing;
use uuid::Uuid;

use super::contest::time;

const ARTISTS: u64 = 100_000;
/// Boards of an artist: all artists, country, city, city in the country.
const BOARDS: usize = 4;
const CITIES: u64 = 300;
const MAX_BYTES: f64 = 50.0;

fn standing(artist: u64, round: u64) -> Standing {
    let scattered = (artist + round).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let id = AccountId(Uuid::from_u128(u128::from(artist) << 64 | u128::from(artist)));
    Standing { artist: id, votes: scattered >> 44, reached_at: time(round as i64) }
}

fn place(artist: u64) -> (String, String) {
    (format!("City {}", artist % CITIES), format!("Country {}", artist % 20))
}

fn bytes_each(boards: &Boards) -> f64 {
    boards.heap_bytes() as f64 / (boards.artists() * BOARDS) as f64
}

#[test]
fn an_artist_costs_less_than_fifty_bytes_per_board() {
    let mut builder = BoardsBuilder::default();
    for artist in 0..ARTISTS {
        let (city, country) = place(artist);
        builder.add(standing(artist, 0), &city, &country);
    }
    let mut boards = builder.build(0);
    let loaded = bytes_each(&boards);
    for round in 1..=2 {
        let changes = (0..ARTISTS).map(|artist| {
            let (city, country) = place(artist);
            Change::Ranks { standing: standing(artist, round), city, country }
        });
        boards.apply(round, changes);
    }
    let churned = bytes_each(&boards);
    println!("{loaded:.1} bytes per artist and board when loaded, {churned:.1} after changes");
    assert!(loaded < MAX_BYTES && churned < MAX_BYTES, "{loaded} {churned}");
}
