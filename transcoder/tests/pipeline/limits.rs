//! Each limit on declared properties has its failure reason.

use domain::event::FailureReason;

use crate::broken::reason;
use crate::clip::{Clip, clip, plain, usual};
use crate::finished::made;

/// The clip with other bytes at the offset `behind` the name of a box. The last box of that name is
/// patched: the first match may be a brand.
fn patched(source: &Clip, name: &[u8], behind: usize, bytes: &[u8]) -> Clip {
    let mut all = source.bytes();
    let at = all.windows(4).rposition(|four| four == name).unwrap() + 4 + behind;
    all[at..at + bytes.len()].copy_from_slice(bytes);
    Clip::of_bytes(&all)
}

#[test]
fn a_picture_above_the_limit_has_too_many_pixels() {
    let arguments =
        "-f lavfi -i color=red:size=16384x4096:rate=1:duration=1 -c:v mjpeg -pix_fmt yuvj420p";
    assert_eq!(reason(&clip("clip.avi", arguments)), FailureReason::TooManyPixels);
    // Width and height of the sample entry (ISO/IEC 14496-12, 12.1.3).
    let claims = patched(&clip("clip.mp4", &plain("red", "64x64", 1)), b"avc1", 24, &[0xFF; 4]);
    assert_eq!(reason(&claims), FailureReason::TooManyPixels);
}

#[test]
fn too_many_streams_are_rejected() {
    let video = "-f lavfi -i color=red:size=16x16:rate=1:duration=1 -c:v mpeg4";
    let arguments = format!("{video} {}", "-map 0 ".repeat(33));
    assert_eq!(reason(&clip("clip.mkv", arguments.trim())), FailureReason::TooManyStreams);
}

#[test]
fn a_declared_duration_of_weeks_is_too_long() {
    let source = clip("clip.mp4", &usual("64x64", "25", 1));
    // Of the movie header: times of creation and change, scale, length (ISO/IEC 14496-12, 8.2.2).
    let weeks = patched(&source, b"mvhd", 16, &u32::to_be_bytes(3_000_000_000));
    assert_eq!(reason(&weeks), FailureReason::TooLong);
}

#[test]
fn an_undeclared_duration_is_that_of_the_frames() {
    let source = clip("clip.mp4", &usual("64x64", "25", 1));
    let made = made(&patched(&source, b"mvhd", 16, &[0; 4]));
    assert!((made.duration() - 1.0).abs() < 0.1, "{}", made.duration());
}

#[test]
fn a_thousand_frames_a_second_are_too_many() {
    let arguments = "-f lavfi -i color=red:size=16x16:rate=1000:duration=19 -c:v mpeg4";
    assert_eq!(reason(&clip("clip.avi", arguments)), FailureReason::TooManyFrames);
}
