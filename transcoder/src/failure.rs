//! Why a video was not made, and what that means for its job.

use std::error::Error;
use std::io;

use domain::event::FailureReason;
use ffmpeg_next::error;

/// Why there is no finished video.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// The reason that goes into the event.
    pub reason: FailureReason,
    /// More, for the server's log.
    pub detail: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a failure means for the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// The file causes it: another attempt ends the same way.
    Permanent,
    /// Another attempt may succeed. The number of attempts is limited.
    Retryable,
    /// The store or the disk is unavailable. The attempt does not count.
    Outage,
}

impl Failure {
    /// A failure without a cause of its own.
    pub fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), source: None }
    }

    /// A failure that keeps its cause.
    pub(crate) fn caused_by(
        reason: FailureReason,
        detail: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { reason, detail: detail.into(), source: Some(source.into()) }
    }

    /// What this failure means for the job.
    pub fn class(&self) -> FailureClass {
        match self.reason {
            FailureReason::Undecodable
            | FailureReason::UnsupportedFormat
            | FailureReason::NoVideoStream
            | FailureReason::TooLarge
            | FailureReason::TooManyPixels
            | FailureReason::TooManyStreams
            | FailureReason::TooManyFrames
            | FailureReason::TooLong => FailureClass::Permanent,
            FailureReason::TimedOut
            | FailureReason::OutOfResources
            | FailureReason::WorkerLost
            | FailureReason::Internal => FailureClass::Retryable,
            FailureReason::OutOfSpace | FailureReason::StorageUnavailable => FailureClass::Outage,
        }
    }

    pub(crate) fn undecodable(detail: impl Into<String>) -> Self {
        Self::new(FailureReason::Undecodable, detail)
    }

    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(FailureReason::Internal, detail)
    }

    /// A file operation on this machine failed.
    pub(crate) fn of_disk(error: io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureReason::OutOfSpace,
            io::ErrorKind::FileTooLarge | io::ErrorKind::OutOfMemory => {
                FailureReason::OutOfResources
            }
            _ => FailureReason::Internal,
        };
        Self::caused_by(reason, "a file operation failed", error)
    }

    /// FFmpeg rejects a part of the source.
    pub(crate) fn of_source(what: &str, error: ffmpeg_next::Error) -> Self {
        use ffmpeg_next::Error::{DecoderNotFound, Other, PatchWelcome};
        let reason = match error {
            DecoderNotFound | PatchWelcome => FailureReason::UnsupportedFormat,
            Other { errno: error::ENOMEM } => FailureReason::OutOfResources,
            _ => FailureReason::Undecodable,
        };
        Self::caused_by(reason, what, error)
    }
}

/// An FFmpeg error outside of the source is a defect of ours or a lack of resources.
impl From<ffmpeg_next::Error> for Failure {
    fn from(error: ffmpeg_next::Error) -> Self {
        use ffmpeg_next::Error::Other;
        let reason = match error {
            Other { errno: error::ENOSPC } => FailureReason::OutOfSpace,
            Other { errno: error::ENOMEM | error::EFBIG } => FailureReason::OutOfResources,
            _ => FailureReason::Internal,
        };
        Self::caused_by(reason, "FFmpeg failed", error)
    }
}
