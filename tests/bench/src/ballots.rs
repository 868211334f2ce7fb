//! Requests for votes that count: no voter votes for a video twice.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use bytes::Bytes;
use domain::{AccountId, VideoId};
use http::{HeaderValue, Uri};

use crate::client::{self, Request};
use crate::token;

/// Each pair of a voter and a video, once. Consecutive pairs differ in both.
pub(crate) struct Ballots {
    voters: Vec<HeaderValue>,
    videos: Vec<Uri>,
    next: AtomicUsize,
}

impl Ballots {
    pub(crate) fn new(voters: &[AccountId], videos: &[VideoId]) -> Result<Self> {
        let path = |video: &VideoId| Ok(format!("/api/public/videos/{video}/vote").parse()?);
        Ok(Self {
            voters: voters.iter().copied().map(token::bearer).collect::<Result<_>>()?,
            videos: videos.iter().map(path).collect::<Result<_>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// The request of the next vote.
    pub(crate) fn draw(&self) -> Result<Request> {
        Ok(self.draw_for()?.1)
    }

    /// The index of the next vote's video, and the request.
    pub(crate) fn draw_for(&self) -> Result<(usize, Request)> {
        let (voter, video) =
            pair(self.next.fetch_add(1, Ordering::Relaxed), self.voters.len(), self.videos.len())?;
        let request =
            client::post(self.videos[video].clone(), self.voters[voter].clone(), Bytes::new());
        Ok((video, request))
    }
}

/// The `n`th pair of a voter and a video.
fn pair(n: usize, voters: usize, videos: usize) -> Result<(usize, usize)> {
    if n >= voters * videos {
        bail!("all {voters} accounts have voted for all {videos} videos");
    }
    let (round, voter) = (n / voters, n % voters);
    Ok((voter, (round + voter) % videos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_pair_is_drawn_once() {
        let pairs: HashSet<_> = (0..35).map(|n| pair(n, 7, 5).unwrap()).collect();
        assert_eq!(pairs.len(), 35);
        assert!(pair(35, 7, 5).is_err());
    }
}
