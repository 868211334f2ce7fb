//! Rank order in eight bytes, to compare most artists without looking at them.

use domain::ranking::Standing;

use super::artists::Slot;

/// Bits of the time, in milliseconds since 1970: until the year 2109.
const TIME: u32 = 42;
/// Fewer votes are told apart: four million.
const MOST_VOTES: u64 = u64::MAX >> TIME;
/// The latest time that is told apart.
const LATEST: i64 = (1 << TIME) - 1;

/// Of two standings the one with the lesser key ranks first. Standings with equal keys may differ:
/// their order is for the standings to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl Key {
    pub(super) fn of(standing: &Standing) -> Self {
        let votes = MOST_VOTES.saturating_sub(standing.votes);
        if votes == 0 {
            // Among these the time does not say who is first, while votes do not.
            return Self(0);
        }
        let time = standing.reached_at.timestamp_millis().clamp(0, LATEST);
        Self(votes << TIME | time as u64)
    }
}

/// An artist as a board's order sees them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) slot: Slot,
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(milliseconds).unwrap()
    }

    #[test]
    fn keys_never_contradict_standings() {
        let most = MOST_VOTES;
        let votes = [0, 1, 2, 1_000, most - 1, most, most + 1, u64::MAX - 1, u64::MAX];
        let times = [0, 1, 1_700_000_000_000, LATEST, LATEST + 1].map(at);
        let times = [&[Timestamp::MIN_UTC, at(-1)], &times[..], &[Timestamp::MAX_UTC]].concat();
        let mut standings = Vec::new();
        for (votes, reached_at) in
            votes.iter().flat_map(|votes| times.iter().map(|at| (*votes, *at)))
        {
            for artist in [Uuid::nil(), Uuid::max()].map(AccountId) {
                standings.push(Standing { artist, votes, reached_at });
            }
        }
        standings.sort();
        assert!(standings.is_sorted_by_key(Key::of));
    }
}
