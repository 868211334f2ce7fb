//! A video and its life, as the fold keeps it.

use crate::codes::codes;
use crate::event::FailureReason;
use crate::id::{AccountId, EventId};
use crate::time::Timestamp;

/// An uploaded video. A deleted video stays as its own tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Video {
    /// The account that uploaded it.
    pub owner: AccountId,
    /// Its title.
    pub title: String,
    /// Its description, if there is one.
    pub description: Option<String>,
    /// Key of the original in object storage.
    pub original_key: String,
    /// Media type of the original.
    pub content_type: String,
    /// Size of the original in bytes.
    pub bytes: u64,
    /// SHA-256 of the original, in hex.
    pub sha256: String,
    /// When the log appended the upload.
    pub uploaded_at: Timestamp,
    /// The event of the upload.
    pub uploaded_by: EventId,
    /// The newest processing attempt, counted from 1; 0 before the first.
    pub attempts: u32,
    /// Its state.
    pub state: VideoState,
    /// Counted votes.
    pub votes: u64,
    /// When the last vote was counted.
    pub last_vote_at: Option<Timestamp>,
}

/// The status of a video: the code in `videos.status` and in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoStatus {
    /// Waiting for a worker.
    Pending,
    /// A worker processes it.
    Processing,
    /// Published; it can be voted for.
    Processed,
    /// Its processing failed for good; it is never published.
    Failed,
    /// Deleted by its owner, or withdrawn because the owner's account was erased.
    Deleted,
}

codes! { VideoStatus:
    Pending => "pending",
    Processing => "processing",
    Processed => "processed",
    Failed => "failed",
    Deleted => "deleted",
}

impl VideoStatus {
    /// Reads a code back.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::find(code)
    }

    /// Whether the end of processing is still to come.
    pub fn awaits_processing(self) -> bool {
        match self {
            Self::Pending | Self::Processing => true,
            Self::Processed | Self::Failed | Self::Deleted => false,
        }
    }
}

/// The state of a video: its status, with what the fold knows about how it got there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoState {
    /// Waiting for a worker.
    Pending,
    /// A worker processes it.
    Processing,
    /// Published; it can be voted for.
    Processed(Published),
    /// Its processing failed for good; it is never published.
    Failed(Failure),
    /// Deleted by its owner, or withdrawn because the owner's account was erased.
    Deleted {
        /// When the log appended the event.
        at: Timestamp,
        /// The event that deleted or withdrew it.
        by: EventId,
        /// How its processing ended before that. It identifies a second delivery of that event, and
        /// names the files to remove.
        end: Option<ProcessingEnd>,
    },
}

impl VideoState {
    /// The status alone.
    pub fn status(&self) -> VideoStatus {
        match self {
            Self::Pending => VideoStatus::Pending,
            Self::Processing => VideoStatus::Processing,
            Self::Processed(_) => VideoStatus::Processed,
            Self::Failed(_) => VideoStatus::Failed,
            Self::Deleted { .. } => VideoStatus::Deleted,
        }
    }

    /// The event that published, failed or deleted the video; `None` before that.
    pub fn ended_by(&self) -> Option<EventId> {
        match self {
            Self::Pending | Self::Processing => None,
            Self::Processed(published) => Some(published.by),
            Self::Failed(failure) => Some(failure.by),
            Self::Deleted { by, .. } => Some(*by),
        }
    }
}

/// How the processing of a video ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessingEnd {
    /// It was published.
    Processed(Published),
    /// It failed for good.
    Failed(Failure),
}

impl ProcessingEnd {
    /// The event that reported it.
    pub fn by(&self) -> EventId {
        match self {
            Self::Processed(published) => published.by,
            Self::Failed(failure) => failure.by,
        }
    }
}

/// Why and when processing failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub reason: FailureReason,
    /// When the log appended the event.
    pub at: Timestamp,
    /// The event that reported it.
    pub by: EventId,
}

/// The published files of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Key of the processed video in object storage.
    pub processed_key: String,
    /// Key of the poster.
    pub poster_key: String,
    /// Key of the HLS master playlist; `None` for videos from before adaptive streams.
    pub hls_key: Option<String>,
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the processed video in bytes.
    pub bytes: u64,
    /// When the video was published.
    pub at: Timestamp,
    /// The event that published it.
    pub by: EventId,
}
