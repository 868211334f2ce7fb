//! What commands and the transcoder may ask the read models: a port, implemented by `projections`.
//!
//! Commands ask only to refuse early what is known to be impossible, and to answer with what the
//! fold has written. The rule itself is always the fold's.

use async_trait::async_trait;
use domain::{AccountId, EmailKey, EventId, Timestamp, VideoId, VideoStatus};

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

/// An upload, as its event describes it. No later event may change these facts: a retried upload is
/// compared with them. An event that changes the title of a video must keep the uploaded one here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadFacts {
    /// The title that was uploaded.
    pub title: String,
    /// The description that was uploaded, if there is one.
    pub description: Option<String>,
    /// Key of the original in object storage.
    pub original_key: String,
    /// Media type of the original.
    pub content_type: String,
    /// SHA-256 of the original, in hex.
    pub sha256: String,
    /// The event of the upload.
    pub uploaded_by: EventId,
    /// When the log appended it.
    pub uploaded_at: Timestamp,
}

/// A video, as far as commands care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoFacts {
    /// The account that uploaded it.
    pub owner: AccountId,
    /// Its upload.
    pub upload: UploadFacts,
    /// Its status.
    pub status: VideoStatus,
    /// Counted votes.
    pub votes: u64,
    /// The event that published, failed or deleted it.
    pub ended_by: Option<EventId>,
    /// Key of the processed video, once there is one.
    pub processed_key: Option<String>,
    /// Key of the poster, once there is one.
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
