//! What the child reports to the worker: lines of JSON.

use std::fmt::{self, Display};
use std::io;

use domain::event::FailureReason;
use ffmpeg_next::error;
use serde::{Deserialize, Serialize};

use crate::pipeline::geometry;

/// Thirty seconds, and the last packet of sound that begins before they are over.
const CUT_MS: u64 = 30_100;
/// The video's own size and two smaller ones.
const MAX_VARIANTS: usize = 3;
/// Thirty seconds, two by two, and one to spare.
const MAX_SEGMENTS: usize = 16;
/// The rate control keeps a result below 40 MB.
pub(crate) const MAX_RESULT: u64 = 64 << 20;

/// A finished video, as it lies in the folder of the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the video in bytes.
    pub bytes: u64,
    /// Processor time that it took, all threads together, in milliseconds.
    #[serde(default)]
    pub cpu_ms: u64,
    /// Whether there is anything to be heard.
    #[serde(default)]
    pub has_sound: bool,
    /// The renditions of the adaptive stream, the largest first; none, if there is no such stream.
    #[serde(default)]
    pub variants: Vec<Variant>,
}

/// One rendition of the adaptive stream: a file that begins with a header, and then has one segment
/// after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Profile, constraints and level of its H.264.
    pub codec: [u8; 3],
    /// Size of the header in bytes.
    pub header_bytes: u64,
    /// The segments.
    pub segments: Vec<Segment>,
}

/// A part of a rendition that can be fetched and played alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Length in milliseconds.
    pub ms: u64,
    /// Size in bytes.
    pub bytes: u64,
}

impl Variant {
    /// The name of the file with so many lines, in the folder of the job and in the store.
    pub fn file_name(height: u32) -> String {
        format!("{height}p.mp4")
    }

    fn is_plausible(&self, whole: &Finished) -> bool {
        let bytes = self.segments.iter().map(|segment| segment.bytes);
        let bytes = bytes.fold(self.header_bytes, u64::saturating_add);
        let ms = self.segments.iter().map(|segment| segment.ms).fold(0, u64::saturating_add);
        is_size(self.width, self.height)
            && self.height <= whole.height
            && (1..=MAX_SEGMENTS).contains(&self.segments.len())
            && bytes <= MAX_RESULT
            && ms <= CUT_MS
    }
}

impl Finished {
    /// Whether the pipeline can have made it: who says so was alone with a stranger's file.
    pub(crate) fn is_plausible(&self) -> bool {
        is_size(self.width, self.height)
            && self.duration_ms <= CUT_MS
            && self.bytes <= MAX_RESULT
            && self.variants.len() <= MAX_VARIANTS
            && self.variants.iter().all(|variant| variant.is_plausible(self))
    }
}

fn is_size(width: u32, height: u32) -> bool {
    let side = |pixels, most| (2..=most).contains(&pixels) && pixels % 2 == 0;
    side(width, geometry::MAX_WIDTH) && side(height, geometry::MAX_LINES)
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

/// A line that the child prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Walls of the sandbox that this machine cannot build: the answer to the one question before
    /// there is any work.
    #[serde(rename = "missing_walls")]
    MissingSandboxLayers(Vec<String>),
    /// So many hundredths of the video are done.
    Progress(u8),
    /// The last line: there is a finished video.
    Done(Finished),
    /// The last line: there is none.
    Failed(Failure),
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
    /// A failure for this reason.
    pub fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
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

    pub(crate) fn internal(error: &dyn Display) -> Self {
        Self::new(FailureReason::Internal, error.to_string())
    }

    /// The disk of this machine did not do it.
    pub(crate) fn of_disk(error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureReason::OutOfSpace,
            io::ErrorKind::FileTooLarge | io::ErrorKind::OutOfMemory => {
                FailureReason::OutOfResources
            }
            _ => FailureReason::Internal,
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
            Other { errno: error::ENOSPC } => FailureReason::OutOfSpace,
            Other { errno: error::ENOMEM | error::EFBIG } => FailureReason::OutOfResources,
            _ => FailureReason::Internal,
        };
        Self::new(reason, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished() -> Finished {
        let variant = Variant {
            width: 854,
            height: 480,
            codec: [0x64, 0, 0x1f],
            header_bytes: 1_000,
            segments: vec![Segment { ms: 2_000, bytes: 50_000 }; 15],
        };
        Finished {
            duration_ms: 30_000,
            width: 1280,
            height: 720,
            bytes: 5,
            cpu_ms: 6,
            has_sound: true,
            variants: vec![variant],
        }
    }

    #[test]
    fn every_line_survives_its_journey() {
        let finished = finished();
        for line in [
            Line::MissingSandboxLayers(vec!["network".to_owned()]),
            Line::Progress(42),
            Line::Done(finished),
            Line::Failed(Failure::new(FailureReason::NoVideoStream, "\"no\npicture\"")),
        ] {
            let text = serde_json::to_string(&line).unwrap();
            assert!(!text.contains('\n'));
            assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
        }
    }

    #[test]
    fn what_the_pipeline_cannot_have_made_is_not_plausible() {
        let sound = finished();
        assert!(sound.is_plausible());
        let variant = &sound.variants[0];
        let with = |variant: Variant| Finished { variants: vec![variant], ..sound.clone() };
        let segments = |count: usize, ms, bytes| Variant {
            segments: vec![Segment { ms, bytes }; count],
            ..variant.clone()
        };
        for bad in [
            Finished { duration_ms: u64::MAX, ..sound.clone() },
            Finished { width: 1281, ..sound.clone() },
            Finished { width: 0, ..sound.clone() },
            Finished { height: 722, ..sound.clone() },
            Finished { bytes: 1 << 40, ..sound.clone() },
            Finished { variants: vec![variant.clone(); 4], ..sound.clone() },
            Finished { height: 360, ..sound.clone() },
            with(Variant { width: 1, ..variant.clone() }),
            with(Variant { header_bytes: u64::MAX, ..variant.clone() }),
            with(segments(0, 1, 1)),
            with(segments(17, 1, 1)),
            with(segments(16, 2_000, 1)),
            with(segments(2, 1, u64::MAX)),
        ] {
            assert!(!bad.is_plausible(), "{bad:?}");
        }
    }
}
