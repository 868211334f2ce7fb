//! What commands and the transcoder may ask the read models: a port, implemented by `projections`.
//!
//! Commands ask only to refuse early what is known to be impossible, and to answer with what the
//! fold has written. The rule itself is always the fold's.

use async_trait::async_trait;
use domain::{AccountId, EmailKey, EventId, Timestamp, VideoId};

use crate::lookup_error::LookupError;

/// An account, as far as commands care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// The account.
    pub id: AccountId,
    /// City, as the person spelled it.
    pub city: String,
    /// Country, as the person spelled it.
    pub country: String,
    /// The event that registered it.
    pub registered_by: EventId,
    /// The event that erased it, if it is no more.
    pub erased_by: Option<EventId>,
}

/// How far a video has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for a worker.
    Pending,
    /// With a worker.
    Processing,
    /// Published.
    Processed,
    /// It will never be published.
    Failed,
    /// Taken back by its owner.
    Deleted,
}

impl Stage {
    /// As it stands in `videos.status` and in the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Processed => "processed",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    /// Reads [`Stage::code`] back.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Pending, Self::Processing, Self::Processed, Self::Failed, Self::Deleted]
            .into_iter()
            .find(|stage| stage.code() == code)
    }
}

/// A video, as far as commands care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoFacts {
    /// Who uploaded it.
    pub owner: AccountId,
    /// Its title.
    pub title: String,
    /// Its description, if there is one.
    pub description: Option<String>,
    /// Media type of the original.
    pub content_type: String,
    /// SHA-256 of the original, in hex.
    pub sha256: String,
    /// How far it has come.
    pub stage: Stage,
    /// Votes counted.
    pub votes: u64,
    /// The event that uploaded it.
    pub uploaded_by: EventId,
    /// When.
    pub uploaded_at: Timestamp,
    /// The event that ended it: processed, failed or deleted.
    pub ended_by: Option<EventId>,
    /// Where the original lies.
    pub original_key: String,
    /// Where the finished video lies, once there is one.
    pub processed_key: Option<String>,
    /// Where its still picture lies, once there is one.
    pub poster_key: Option<String>,
}

/// A video that never came on stage, and whose owner has been erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbandonedVideo {
    /// The video.
    pub video: VideoId,
    /// Who owned it.
    pub owner: AccountId,
    /// The event that erased the owner.
    pub owner_erased_by: EventId,
}

/// The questions.
#[async_trait]
pub trait ReadModels: Send + Sync + 'static {
    /// The account that an email address belongs to.
    async fn account_by_email(&self, email: &EmailKey)
    -> Result<Option<AccountFacts>, LookupError>;

    /// An account, erased ones included.
    async fn account(&self, account: AccountId) -> Result<Option<AccountFacts>, LookupError>;

    /// A video, deleted ones included.
    async fn video(&self, video: VideoId) -> Result<Option<VideoFacts>, LookupError>;

    /// All videos of an account, deleted ones included.
    async fn videos_of(&self, owner: AccountId) -> Result<Vec<(VideoId, VideoFacts)>, LookupError>;

    /// Videos that were abandoned, at most `most` of them, as far as the projection has come.
    async fn abandoned_videos(&self, most: u32) -> Result<Vec<AbandonedVideo>, LookupError>;

    /// Which of these object keys belong to no video that still exists. The originals of an erased
    /// owner are not needed either. An object that is named after a video (`…/<id>.…`, `…/<id>/…`)
    /// belongs to it until its processing has ended: an attempt may just have written it.
    ///
    /// None, unless the projection has folded every partition up to `ends` (the log's end offsets):
    /// a read model that is behind, or being rebuilt, cannot say that something is not needed.
    async fn orphaned_keys(
        &self,
        keys: &[String],
        ends: &[u64],
    ) -> Result<Vec<String>, LookupError>;
}
