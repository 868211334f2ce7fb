//! A cache of videos as this owner last read or wrote them.
//!
//! No other process writes the videos of an owned partition, so the cache equals the table while every
//! commit succeeds. After a failure the store clears it.

use std::collections::HashMap;

use domain::{Video, VideoId};

use crate::store::Batch;

/// About 10 MiB.
const MAX_VIDEOS: usize = 20_000;

#[derive(Default)]
pub(super) struct RecentVideos(HashMap<VideoId, Video>);

impl RecentVideos {
    pub(super) fn get(&self, id: &VideoId) -> Option<&Video> {
        self.0.get(id)
    }

    pub(super) fn remember(&mut self, id: VideoId, video: &Video) {
        if self.0.len() >= MAX_VIDEOS {
            // Rare; later batches load again what they need.
            self.0.clear();
        }
        self.0.insert(id, video.clone());
    }

    /// Adds what a batch has committed.
    pub(super) fn committed(&mut self, batch: &Batch<'_>) {
        for id in &batch.changes.videos {
            let Some(video) = batch.contest.videos.get(id) else { continue };
            match self.0.get_mut(id) {
                // Only the votes changed: see `Changes::status_changed`.
                Some(known) if !batch.changes.status_changed.contains(id) => {
                    known.votes = video.votes;
                    known.last_vote_at = video.last_vote_at;
                }
                _ => self.remember(*id, video),
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
