//! The types of events.

use crate::codes::codes;

/// The type of an event: its code is the `ce_type` attribute of the record.
///
/// A new event starts here. Then every match over the types and over [`Event`](super::Event) fails to
/// compile until it decides about the new one. The tests in `domain/tests/rules/event_types.rs` check
/// what the compiler cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// [`Registered`](super::Registered).
    AccountRegistered,
    /// [`Erased`](super::Erased).
    AccountErased,
    /// [`OperatorGranted`](super::OperatorGranted).
    OperatorGranted,
    /// [`OperatorRevoked`](super::OperatorRevoked).
    OperatorRevoked,
    /// [`Uploaded`](super::Uploaded).
    VideoUploaded,
    /// [`ProcessingStarted`](super::ProcessingStarted).
    VideoProcessingStarted,
    /// [`Processed`](super::Processed).
    VideoProcessed,
    /// [`ProcessingFailed`](super::ProcessingFailed).
    VideoProcessingFailed,
    /// [`Deleted`](super::Deleted).
    VideoDeleted,
    /// [`Withdrawn`](super::Withdrawn).
    VideoWithdrawn,
    /// [`VoteCast`](super::VoteCast).
    VoteCast,
}

// In the order of the table in `docs/architecture.md`.
codes! { EventType:
    AccountRegistered => "anb.account.registered",
    AccountErased => "anb.account.erased",
    OperatorGranted => "anb.operator.granted",
    OperatorRevoked => "anb.operator.revoked",
    VideoUploaded => "anb.video.uploaded",
    VideoProcessingStarted => "anb.video.processing_started",
    VideoProcessed => "anb.video.processed",
    VideoProcessingFailed => "anb.video.processing_failed",
    VideoDeleted => "anb.video.deleted",
    VideoWithdrawn => "anb.video.withdrawn",
    VoteCast => "anb.vote.cast",
}

impl EventType {
    /// Reads a code back.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::find(code)
    }

    /// The newest schema version of the payload; versions count from 1.
    pub fn newest_version(self) -> u32 {
        match self {
            Self::VideoProcessed | Self::VideoProcessingFailed => 2,
            Self::AccountRegistered
            | Self::AccountErased
            | Self::OperatorGranted
            | Self::OperatorRevoked
            | Self::VideoUploaded
            | Self::VideoProcessingStarted
            | Self::VideoDeleted
            | Self::VideoWithdrawn
            | Self::VoteCast => 1,
        }
    }
}
