//! A resumable upload.

use std::fmt;
use std::str::FromStr;

use domain::{AccountId, Timestamp, VideoId};
use infra::object_storage::ObjectKey;
use uuid::Uuid;

/// The id of a resumable upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub Uuid);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// An upload to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// How many bytes it will have; at least one.
    pub length: u64,
    /// The video's title.
    pub title: String,
    /// The video's description, if there is one.
    pub description: Option<String>,
    /// The client's metadata, as it was sent.
    pub metadata: String,
}

/// A resumable upload, as its row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumableUpload {
    /// Its id.
    pub id: UploadId,
    /// How many bytes it will have.
    pub length: u64,
    /// How many bytes have been received and kept.
    pub received: u64,
    /// The client's metadata, as it was sent.
    pub metadata: String,
    /// The video, once it has been entered.
    pub video: Option<VideoId>,
    /// When the upload expires, unless another piece arrives.
    pub expires_at: Timestamp,
    pub(super) owner: AccountId,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) pieces: Vec<String>,
    pub(super) expired: bool,
}

impl ResumableUpload {
    /// Whether all of its bytes have been received.
    pub fn is_whole(&self) -> bool {
        self.received == self.length
    }

    /// How many bytes are missing.
    pub(super) fn missing(&self) -> u64 {
        self.length - self.received
    }

    /// The objects of its pieces, in order.
    pub(super) fn piece_keys(&self) -> Vec<ObjectKey> {
        self.pieces.iter().filter_map(|key| ObjectKey::parse(key)).collect()
    }

    /// Whether `new` asks for this upload.
    pub(super) fn is(&self, new: &NewUpload) -> bool {
        self.length == new.length && self.metadata == new.metadata
    }
}
