//! Draws who votes for which video. A few videos get most of the votes, as in a real contest.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::seq::index;

/// The k-th most popular video gets votes in proportion to k^-0.7: Zipf's law, flattened so that the
/// first video does not run out of voters.
const EXPONENT: f64 = 0.7;

/// One vote. Both fields are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ballot {
    pub(crate) voter: usize,
    pub(crate) video: usize,
}

/// Draws `wanted` distinct ballots in random order; fewer if there are fewer pairs of a voter and a
/// video.
pub(crate) fn ballots(
    rng: &mut StdRng,
    videos: usize,
    voters: usize,
    wanted: usize,
) -> Vec<Ballot> {
    let mut by_popularity: Vec<usize> = (0..videos).collect();
    by_popularity.shuffle(rng);
    let mut ballots = Vec::with_capacity(wanted);
    for (video, votes) in by_popularity.into_iter().zip(shares(videos, voters, wanted)) {
        let drawn = index::sample(rng, voters, votes);
        ballots.extend(drawn.into_iter().map(|voter| Ballot { voter, video }));
    }
    ballots.shuffle(rng);
    ballots
}

/// Votes per video, in descending order. None exceeds `voters`.
fn shares(videos: usize, voters: usize, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(videos * voters);
    let weight = |rank: usize| (rank as f64 + 1.0).powf(-EXPONENT);
    let mut left = wanted;
    let mut weight_left: f64 = (0..videos).map(weight).sum();
    let mut shares = Vec::with_capacity(videos);
    for rank in 0..videos {
        let fair = (left as f64 * weight(rank) / weight_left).round() as usize;
        // The remaining videos can take at most one vote per voter each.
        let least = left.saturating_sub((videos - rank - 1) * voters);
        let share = fair.clamp(least, voters.max(least)).min(voters).min(left);
        shares.push(share);
        left -= share;
        weight_left -= weight(rank);
    }
    // Rounding may lift a share above the one before it.
    shares.sort_unstable_by(|a, b| b.cmp(a));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::BTreeSet;

    #[test]
    fn ballots_are_distinct_and_complete() {
        for (videos, voters, wanted) in [(200, 400, 5000), (3, 4, 100), (1, 1, 0), (50, 2, 99)] {
            let ballots = ballots(&mut StdRng::seed_from_u64(7), videos, voters, wanted);
            let distinct: BTreeSet<_> = ballots.iter().collect();
            assert_eq!(distinct.len(), ballots.len());
            assert_eq!(ballots.len(), wanted.min(videos * voters), "{videos} {voters} {wanted}");
            assert!(ballots.iter().all(|b| b.voter < voters && b.video < videos));
        }
    }

    #[test]
    fn a_tenth_of_the_videos_gets_a_third_of_the_votes() {
        let shares = shares(200, 400, 5000);
        let top: usize = shares.iter().take(20).sum();
        assert!(top > 5000 / 3, "{top}");
        assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
    }

    #[test]
    fn the_same_seed_draws_the_same_ballots() {
        let draw = || ballots(&mut StdRng::seed_from_u64(1), 20, 30, 200);
        assert_eq!(draw(), draw());
    }
}
