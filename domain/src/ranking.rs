//! In which order artists rank.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::contest::Contest;
use crate::id::AccountId;
use crate::time::Timestamp;
use crate::video::{Video, VideoState};

/// An artist's score: it decides their position on every board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The artist.
    pub artist: AccountId,
    /// Votes, summed over the artist's published videos.
    pub votes: u64,
    /// When they reached that count: the time of the last vote. Without votes, the time at which their
    /// first video was published.
    pub reached_at: Timestamp,
}

/// Rank order: more votes first, then who reached them earlier, then the id.
impl Ord for Standing {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .votes
            .cmp(&self.votes)
            .then(self.reached_at.cmp(&other.reached_at))
            .then(self.artist.cmp(&other.artist))
    }
}

impl PartialOrd for Standing {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The standing of `artist`, from all of their videos; `None` if none of them is published.
///
/// It does not depend on the order of events, so partitions may be folded in any interleaving.
pub fn standing<'a>(
    artist: AccountId,
    videos: impl IntoIterator<Item = &'a Video>,
) -> Option<Standing> {
    let mut votes = 0;
    let mut last_vote: Option<Timestamp> = None;
    let mut first_published: Option<Timestamp> = None;
    for video in videos {
        let published = match &video.state {
            VideoState::Processed(published) => published,
            VideoState::Pending
            | VideoState::Processing
            | VideoState::Failed(_)
            | VideoState::Deleted { .. } => continue,
        };
        votes += video.votes;
        last_vote = last_vote.max(video.last_vote_at);
        first_published = Some(first_published.map_or(published.at, |at| at.min(published.at)));
    }
    let reached_at = last_vote.or(first_published)?;
    Some(Standing { artist, votes, reached_at })
}

/// The ranking of the whole contest, counted from all videos: the reference for every faster way.
///
/// An artist whose registration is not in `contest` does not rank: their account's partition may be
/// folded later than that of their videos. An artist whose account was erased keeps their position.
pub fn recount(contest: &Contest) -> Vec<Standing> {
    let mut by_owner: HashMap<AccountId, Vec<&Video>> = HashMap::new();
    for video in contest.videos.values() {
        by_owner.entry(video.owner).or_default().push(video);
    }
    let mut ranking: Vec<Standing> = contest
        .all_accounts()
        .filter_map(|account| standing(account.id, by_owner.remove(&account.id)?))
        .collect();
    ranking.sort();
    ranking
}
