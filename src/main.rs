//! The one binary of the contest.

fn main() {}
