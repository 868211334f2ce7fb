//! Draws who votes for which video. A few videos get most of the votes, as in a real contest.

use std::collections::HashSet;

use anyhow::Result;
use rand::RngExt;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// The k-th most popular video gets votes in proportion to k^-0.7: Zipf's law, flattened so that the
/// first video does not run out of voters.
const EXPONENT: f64 = 0.7;

/// One vote. Both fields are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ballot {
    pub(super) voter: usize,
    pub(super) video: usize,
}

/// Draws `wanted` distinct ballots; fewer if there are fewer pairs of a voter and a video.
///
/// # Errors
/// If there is no video.
pub(super) fn draw(
    rng: &mut StdRng,
    videos: usize,
    voters: usize,
    wanted: usize,
) -> Result<Vec<Ballot>> {
    let mut weights: Vec<f64> = (1..=videos).map(|rank| (rank as f64).powf(-EXPONENT)).collect();
    weights.shuffle(rng);
    let popularity = WeightedIndex::new(weights)?;
    let wanted = wanted.min(videos * voters);
    let (mut ballots, mut drawn) = (Vec::with_capacity(wanted), HashSet::with_capacity(wanted));
    while ballots.len() < wanted {
        let (voter, video) = (rng.random_range(0..voters), popularity.sample(rng));
        let ballot = Ballot { voter, video };
        if drawn.insert(ballot) {
            ballots.push(ballot);
        }
    }
    Ok(ballots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn ballots_are_distinct_and_complete() {
        for (videos, voters, wanted) in [(200, 400, 5000), (3, 4, 100), (1, 1, 0), (50, 2, 99)] {
            let ballots = draw(&mut StdRng::seed_from_u64(7), videos, voters, wanted).unwrap();
            let distinct: HashSet<_> = ballots.iter().collect();
            assert_eq!(distinct.len(), ballots.len());
            assert_eq!(ballots.len(), wanted.min(videos * voters), "{videos} {voters} {wanted}");
            assert!(ballots.iter().all(|b| b.voter < voters && b.video < videos));
        }
    }

    #[test]
    fn a_tenth_of_the_videos_gets_a_third_of_the_votes() {
        let mut votes = [0; 200];
        for ballot in draw(&mut StdRng::seed_from_u64(7), 200, 400, 5000).unwrap() {
            votes[ballot.video] += 1;
        }
        votes.sort_unstable_by(|a, b| b.cmp(a));
        let top: usize = votes[..20].iter().sum();
        assert!(top > 5000 / 3, "{top}");
    }

    #[test]
    fn the_same_seed_draws_the_same_ballots() {
        let draw = || draw(&mut StdRng::seed_from_u64(1), 20, 30, 200).unwrap();
        assert_eq!(draw(), draw());
    }
}
