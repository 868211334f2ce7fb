//! A finished video as the child describes it, and the bounds that its numbers must keep.

use serde::{Deserialize, Serialize};

/// Largest number of lines of a finished video.
pub(crate) const MAX_LINES: u32 = 720;
/// Largest width. No camera has a wider picture at 720 lines, and common H.264 levels end near it.
pub(crate) const MAX_WIDTH: u32 = 4096;
/// Longest video: 30 s, and the last audio packet that begins before the cut.
const MAX_DURATION_MS: u64 = 30_100;
/// The video's own size and two smaller ones.
const MAX_VARIANTS: usize = 3;
/// 15 segments of 2 s, and one to spare.
const MAX_SEGMENTS: usize = 16;
/// Largest result in bytes. The rate control keeps a result below 40 MB.
pub(crate) const MAX_RESULT_BYTES: u64 = 64 << 20;

/// A finished video in the job's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedVideo {
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the video in bytes.
    pub bytes: u64,
    /// Processor time of all threads, in milliseconds.
    #[serde(default)]
    pub cpu_ms: u64,
    /// Whether it has an audio track.
    #[serde(default)]
    pub has_sound: bool,
    /// The renditions of the adaptive stream, largest first; empty without a stream.
    #[serde(default)]
    pub variants: Vec<Variant>,
}

/// One rendition of the adaptive stream: a file with a header, followed by its segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// H.264 profile, constraints and level.
    pub codec: [u8; 3],
    /// Size of the header in bytes.
    pub header_bytes: u64,
    /// The segments, in order.
    pub segments: Vec<Segment>,
}

/// A part of a rendition that a player can fetch and play alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Length in milliseconds.
    pub ms: u64,
    /// Size in bytes.
    pub bytes: u64,
}

impl Variant {
    /// The file name of the rendition with this height, in the job's folder and in the store.
    pub fn file_name(height: u32) -> String {
        format!("{height}p.mp4")
    }

    fn is_plausible(&self, whole: &FinishedVideo) -> bool {
        let bytes = self.segments.iter().map(|segment| segment.bytes);
        let bytes = bytes.fold(self.header_bytes, u64::saturating_add);
        let ms = self.segments.iter().map(|segment| segment.ms).fold(0, u64::saturating_add);
        is_size(self.width, self.height)
            && self.height <= whole.height
            && (1..=MAX_SEGMENTS).contains(&self.segments.len())
            && bytes <= MAX_RESULT_BYTES
            && ms <= MAX_DURATION_MS
    }
}

impl FinishedVideo {
    /// Whether the pipeline can have made it. An untrusted file may control the child that says so.
    pub(crate) fn is_plausible(&self) -> bool {
        is_size(self.width, self.height)
            && self.duration_ms <= MAX_DURATION_MS
            && self.bytes <= MAX_RESULT_BYTES
            && self.variants.len() <= MAX_VARIANTS
            && self.variants.iter().all(|variant| variant.is_plausible(self))
    }
}

fn is_size(width: u32, height: u32) -> bool {
    let side = |pixels, most| (2..=most).contains(&pixels) && pixels % 2 == 0;
    side(width, MAX_WIDTH) && side(height, MAX_LINES)
}

#[cfg(test)]
impl FinishedVideo {
    /// A plausible video, for unit tests.
    pub(crate) fn example() -> Self {
        let variant = Variant {
            width: 854,
            height: 480,
            codec: [0x64, 0, 0x1f],
            header_bytes: 1_000,
            segments: vec![Segment { ms: 2_000, bytes: 50_000 }; 15],
        };
        Self {
            duration_ms: 30_000,
            width: 1280,
            height: 720,
            bytes: 5,
            cpu_ms: 6,
            has_sound: true,
            variants: vec![variant],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_bounds_are_not_plausible() {
        let valid = FinishedVideo::example();
        assert!(valid.is_plausible());
        let variant = &valid.variants[0];
        let with = |variant: Variant| FinishedVideo { variants: vec![variant], ..valid.clone() };
        let segments = |count: usize, ms, bytes| Variant {
            segments: vec![Segment { ms, bytes }; count],
            ..variant.clone()
        };
        for bad in [
            FinishedVideo { duration_ms: u64::MAX, ..valid.clone() },
            FinishedVideo { width: 1281, ..valid.clone() },
            FinishedVideo { width: 0, ..valid.clone() },
            FinishedVideo { height: 722, ..valid.clone() },
            FinishedVideo { bytes: 1 << 40, ..valid.clone() },
            FinishedVideo { variants: vec![variant.clone(); 4], ..valid.clone() },
            FinishedVideo { height: 360, ..valid.clone() },
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
