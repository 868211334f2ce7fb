//! Who votes for whom: a skewed draw, as in every contest.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::seq::index;

/// The k-th most popular video gets votes in proportion to k^-0.7: Zipf's law, a little flattened so
/// that the first does not run out of voters.
const EXPONENT: f64 = 0.7;

/// One vote, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ballot {
    pub(super) voter: usize,
    pub(super) video: usize,
}

/// Draws `wanted` ballots, none of them twice, in random order; fewer if there are not as many pairs
/// of a voter and a video.
pub(super) fn draw(rng: &mut StdRng, videos: usize, voters: usize, wanted: usize) -> Vec<Ballot> {
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

/// Votes of the most popular video, of the next, and so on; none more than `voters`.
fn shares(videos: usize, voters: usize, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(videos * voters);
    let weight = |rank: usize| (rank as f64 + 1.0).powf(-EXPONENT);
    let mut left = wanted;
    let mut weight_left: f64 = (0..videos).map(weight).sum();
    let mut shares = Vec::with_capacity(videos);
    for rank in 0..videos {
        let fair = (left as f64 * weight(rank) / weight_left).round() as usize;
        // Not less than what the rest, each with every voter, could not take.
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
    fn nobody_votes_twice_for_one_video_and_no_vote_is_missing() {
        for (videos, voters, wanted) in [(200, 400, 5000), (3, 4, 100), (1, 1, 0), (50, 2, 99)] {
            let ballots = draw(&mut StdRng::seed_from_u64(7), videos, voters, wanted);
            let distinct: BTreeSet<_> = ballots.iter().collect();
            assert_eq!(distinct.len(), ballots.len());
            assert_eq!(ballots.len(), wanted.min(videos * voters), "{videos} {voters} {wanted}");
            assert!(ballots.iter().all(|b| b.voter < voters && b.video < videos));
        }
    }

    #[test]
    fn few_get_most() {
        let shares = shares(200, 400, 5000);
        let top: usize = shares.iter().take(20).sum();
        assert!(top > 5000 / 3, "{top}");
        assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
    }

    #[test]
    fn the_same_seed_draws_the_same_ballots() {
        let draw = || draw(&mut StdRng::seed_from_u64(1), 20, 30, 200);
        assert_eq!(draw(), draw());
    }
}
