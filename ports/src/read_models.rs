//! What commands and the transcoder may ask the read models. `projections` implements the port.
//!
//! Commands ask for two purposes: to reject early what is known to be impossible, and to answer with what
//! the fold has written. The fold alone applies the rules.

use async_trait::async_trait;
use domain::{AccountId, EmailKey, EventId, Timestamp, VideoId, VideoStatus};

use crate::lookup_error::LookupError;

/// An account, as commands see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// The account.
    pub id: AccountId,
    /// The city, as the person spelled it.
    pub city: String,
    /// The country, as the person spelled it.
    pub country: String,
    /// The event that registered it.
    pub registered_by: EventId,
    /// The event that erased it, if it was erased.
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

/// A video, as commands see it.
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

/// A video that was never published and whose owner has been erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbandonedVideo {
    /// The video.
    pub video: VideoId,
    /// The erased owner.
    pub owner: AccountId,
    /// The event that erased the owner.
    pub owner_erased_by: EventId,
}

/// The queries of commands and the transcoder.
#[async_trait]
pub trait ReadModels: Send + Sync + 'static {
    /// The account that an email address belongs to.
    async fn account_by_email(&self, email: &EmailKey)
    -> Result<Option<AccountFacts>, LookupError>;

    /// An account, also if it was erased.
    async fn account(&self, account: AccountId) -> Result<Option<AccountFacts>, LookupError>;

    /// A video, also if it was deleted.
    async fn video(&self, video: VideoId) -> Result<Option<VideoFacts>, LookupError>;

    /// All videos of an account, also deleted ones.
    async fn videos_of(&self, owner: AccountId) -> Result<Vec<(VideoId, VideoFacts)>, LookupError>;

    /// Abandoned videos, at most `limit`, as far as the projection has folded.
    async fn abandoned_videos(&self, limit: u32) -> Result<Vec<AbandonedVideo>, LookupError>;

    /// The object keys among `keys` that no video needs: those of deleted videos, and the originals of
    /// erased owners. An object that is named after a video (`…/<id>.…`, `…/<id>/…`) is needed until its
    /// processing has ended: an attempt may just have written it. A key that is neither an original's nor
    /// names a video is not returned: no version of this program has written the object.
    ///
    /// Returns no key until the projection has folded every partition up to `ends`, the end offsets of the
    /// log. Before, a read model may lack the video that needs the object.
    async fn orphaned_keys(
        &self,
        keys: &[String],
        ends: &[u64],
    ) -> Result<Vec<String>, LookupError>;

    /// The accounts among `registrations` that the log does not register. A registration that is a dead
    /// letter is not among them: a later version may fold it.
    ///
    /// Returns no account until the projection has folded every partition up to `ends`, as
    /// [`Self::orphaned_keys`] does.
    async fn unregistered(
        &self,
        registrations: &[(AccountId, EventId)],
        ends: &[u64],
    ) -> Result<Vec<AccountId>, LookupError>;
}
