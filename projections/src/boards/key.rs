//! Rank order in eight bytes: most artists compare by key, without a lookup of their standings.

use domain::ranking::Standing;

use super::slot::Slot;

/// Bits of a key that hold the time, in milliseconds since 1970: enough until the year 2109.
const TIME_BITS: u32 = 42;
/// Counts below this, four million, get distinct keys.
const VOTES_LIMIT: u64 = u64::MAX >> TIME_BITS;
/// Times up to this one, in milliseconds since 1970, get distinct keys.
const TIME_LIMIT: i64 = (1 << TIME_BITS) - 1;

/// A sort key of a standing: the smaller key ranks first. Standings with equal keys may differ, and
/// then compare by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl Key {
    pub(super) fn of(standing: &Standing) -> Self {
        let votes = VOTES_LIMIT.saturating_sub(standing.votes);
        if votes == 0 {
            // Votes beyond the limit share this key, so the time must not order them.
            return Self(0);
        }
        let time = standing.reached_at.timestamp_millis().clamp(0, TIME_LIMIT);
        Self(votes << TIME_BITS | time as u64)
    }
}

/// An artist in the order of a board.
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
        let most = VOTES_LIMIT;
        let votes = [0, 1, 2, 1_000, most - 1, most, most + 1, u64::MAX - 1, u64::MAX];
        let times = [0, 1, 1_700_000_000_000, TIME_LIMIT, TIME_LIMIT + 1].map(at);
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
