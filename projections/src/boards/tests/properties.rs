//! A million random changes: ties, deletions, artists with zero votes, moves.

use crate::boards::Boards;

use super::contest::Contest;

/// Applies `steps` changes, in batches of different sizes.
fn run(contest: &mut Contest, boards: &mut Boards, steps: usize, leaving: u32) {
    let mut left = steps;
    while left > 0 {
        let batch = (1 + left % 61).min(left);
        let changes: Vec<_> = (0..batch).map(|_| contest.step(leaving)).collect();
        boards.apply(boards.ranking_revision() + 1, changes);
        left -= batch;
    }
}

#[test]
fn every_position_is_right_after_a_million_changes() {
    // The boards grow, churn, shrink to almost nothing, and grow again.
    let phases = [(300_000, 0), (200_000, 5), (200_000, 9), (300_000, 1)];
    let mut contest = Contest::new(1, 20_000, 40);
    let mut boards = Boards::default();
    for (steps, leaving) in phases {
        for _ in 0..20 {
            run(&mut contest, &mut boards, steps / 20, leaving);
            for _ in 0..5 {
                let artist = contest.somebody();
                contest.check_position(&boards, artist);
            }
        }
        contest.check(&boards, 23);
        contest.check(&contest.loaded(), 23);
    }
}

#[test]
fn small_boards_are_right_after_every_change() {
    for seed in 0..40 {
        let mut contest = Contest::new(100 + seed, 12, 3);
        let mut boards = Boards::default();
        contest.check(&boards, 1);
        for _ in 0..40 {
            run(&mut contest, &mut boards, 1, 3);
            contest.check(&boards, 1);
        }
        contest.check(&contest.loaded(), 1);
    }
}

#[test]
fn loaded_boards_change_like_grown_ones() {
    let mut contest = Contest::new(7, 3_000, 1_000_000);
    run(&mut contest, &mut Boards::default(), 5_000, 2);
    let mut loaded = contest.loaded();
    for _ in 0..5 {
        run(&mut contest, &mut loaded, 4_000, 4);
        contest.check(&loaded, 7);
    }
}

#[test]
fn counts_beyond_the_limit_of_keys_still_rank_right() {
    let mut contest = Contest::new(9, 2_000, u64::MAX / 2);
    let mut boards = Boards::default();
    for leaving in [1, 4, 8, 2] {
        run(&mut contest, &mut boards, 5_000, leaving);
        contest.check(&boards, 7);
        contest.check(&contest.loaded(), 7);
    }
}
