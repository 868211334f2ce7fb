//! What the child reports to the worker: one line of JSON.

use std::fmt::{self, Display};
use std::io;

use domain::event::FailureReason;
use ffmpeg_next::error;
use serde::{Deserialize, Serialize};

/// A finished video, as it lies in the folder of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the video in bytes.
    pub bytes: u64,
}

/// Why there is no finished video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// The reason that goes into the event.
    pub reason: FailureReason,
    /// More, for the log of the server.
    pub detail: String,
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.code(), self.detail)
    }
}

/// The line that the child prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Walls of the sandbox that this machine cannot build.
    pub missing_walls: Vec<String>,
    /// How it went.
    pub result: Result<Finished, Failure>,
}

impl Failure {
    /// A failure for this reason.
    pub fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// Whether the file is to blame: then trying again changes nothing.
    pub fn is_of_file(&self) -> bool {
        match self.reason {
            FailureReason::Undecodable
            | FailureReason::UnsupportedFormat
            | FailureReason::NoVideoStream
            | FailureReason::TooLarge => true,
            FailureReason::TimedOut
            | FailureReason::OutOfResources
            | FailureReason::WorkerLost
            | FailureReason::StorageUnavailable
            | FailureReason::Internal => false,
        }
    }

    pub(crate) fn undecodable(detail: impl Into<String>) -> Self {
        Self::new(FailureReason::Undecodable, detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(FailureReason::TooLarge, detail)
    }

    pub(crate) fn internal(error: &dyn Display) -> Self {
        Self::new(FailureReason::Internal, error.to_string())
    }

    /// The disk of this machine did not do it.
    pub(crate) fn of_disk(error: &io::Error) -> Self {
        let full =
            [io::ErrorKind::StorageFull, io::ErrorKind::FileTooLarge, io::ErrorKind::QuotaExceeded];
        let reason = if full.contains(&error.kind()) || error.kind() == io::ErrorKind::OutOfMemory {
            FailureReason::OutOfResources
        } else {
            FailureReason::Internal
        };
        Self::new(reason, error.to_string())
    }

    /// FFmpeg refused something that the source brought along.
    pub(crate) fn of_source(what: &str, error: ffmpeg_next::Error) -> Self {
        use ffmpeg_next::Error::{DecoderNotFound, Other, PatchWelcome};
        let reason = match error {
            DecoderNotFound | PatchWelcome => FailureReason::UnsupportedFormat,
            Other { errno: error::ENOMEM } => FailureReason::OutOfResources,
            _ => FailureReason::Undecodable,
        };
        Self::new(reason, format!("{what}: {error}"))
    }
}

/// Where the source is not concerned, what FFmpeg refuses is our fault.
impl From<ffmpeg_next::Error> for Failure {
    fn from(error: ffmpeg_next::Error) -> Self {
        use ffmpeg_next::Error::Other;
        let reason = match error {
            Other { errno: error::ENOMEM | error::ENOSPC | error::EFBIG } => {
                FailureReason::OutOfResources
            }
            _ => FailureReason::Internal,
        };
        Self::new(reason, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_its_journey() {
        let failure = Failure::new(FailureReason::NoVideoStream, "\"no\npicture\"");
        for result in [Ok(Finished { duration_ms: 1, width: 2, height: 4, bytes: 5 }), Err(failure)]
        {
            let report = Report { missing_walls: vec!["network".to_owned()], result };
            let line = serde_json::to_string(&report).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), report);
        }
    }
}
