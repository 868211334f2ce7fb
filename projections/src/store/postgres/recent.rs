//! Videos as this owner has last read or written them.
//!
//! Nobody else writes the videos of an owned partition, so what is remembered is what the table
//! holds, as long as every commit succeeds. After a failure the store forgets everything.

use std::collections::HashMap;

use domain::{Video, VideoId};

use crate::store::Batch;

/// About 10 MiB.
const MOST: usize = 20_000;

#[derive(Default)]
pub(super) struct RecentVideos(HashMap<VideoId, Video>);

impl RecentVideos {
    pub(super) fn get(&self, id: &VideoId) -> Option<&Video> {
        self.0.get(id)
    }

    pub(super) fn remember(&mut self, id: VideoId, video: &Video) {
        if self.0.len() >= MOST {
            // Rare, and the next batches read again what they need.
            self.0.clear();
        }
        self.0.insert(id, video.clone());
    }

    /// Takes over what a batch has committed.
    pub(super) fn committed(&mut self, batch: &Batch<'_>) {
        for id in &batch.changes.videos {
            let Some(video) = batch.contest.videos.get(id) else { continue };
            match self.0.get_mut(id) {
                Some(known) if !batch.changes.status_changed.contains(id) => {
                    known.votes = video.votes;
                    known.last_vote_at = video.last_vote_at;
                }
                _ => self.remember(*id, video),
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
