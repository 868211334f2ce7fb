//! Why processing failed.

use serde::{Deserialize, Serialize};

use crate::codes::codes;

/// Why a video could not be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The container or a stream in it cannot be decoded.
    Undecodable,
    /// The contest does not accept this container or codec.
    UnsupportedFormat,
    /// The file has no video stream.
    NoVideoStream,
    /// More than a machine can hold. Before version 2 also: too many pixels, streams or frames.
    TooLarge,
    /// The picture has too many pixels.
    TooManyPixels,
    /// The file has too many streams.
    TooManyStreams,
    /// The part that is kept has too many frames.
    TooManyFrames,
    /// The file claims to last longer than an entry to the contest may.
    TooLong,
    /// Processing took longer than allowed.
    TimedOut,
    /// The machine ran out of memory. Before version 2 also: out of disk.
    OutOfResources,
    /// The disk of the machine is full.
    OutOfSpace,
    /// The worker died, or lost its lease.
    WorkerLost,
    /// The object store could not be read or written.
    StorageUnavailable,
    /// A defect of ours.
    Internal,
}

// The same text as serde writes into the event.
codes! { FailureReason:
    Undecodable => "undecodable",
    UnsupportedFormat => "unsupported_format",
    NoVideoStream => "no_video_stream",
    TooLarge => "too_large",
    TooManyPixels => "too_many_pixels",
    TooManyStreams => "too_many_streams",
    TooManyFrames => "too_many_frames",
    TooLong => "too_long",
    TimedOut => "timed_out",
    OutOfResources => "out_of_resources",
    OutOfSpace => "out_of_space",
    WorkerLost => "worker_lost",
    StorageUnavailable => "storage_unavailable",
    Internal => "internal",
}

impl FailureReason {
    /// Reads a code back.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::find(code)
    }
}
