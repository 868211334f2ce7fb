//! Files that are no videos, or damaged.

use domain::event::FailureReason;
use transcoder::pipeline::{Outputs, transcode};

use crate::clip::{Clip, clip, plain, usual};
use crate::finished::{attempt, made};

pub(crate) fn reason(clip: &Clip) -> FailureReason {
    match attempt(clip) {
        Ok(made) => panic!("{:?}", made.report),
        Err(failure) => failure.reason,
    }
}

#[test]
fn a_file_that_is_no_container_is_unsupported() {
    for text in [
        &b"This is a letter, and not a film at all.\n"[..],
        b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR",
        b"short",
        b"",
    ] {
        assert_eq!(reason(&Clip::of_bytes(text)), FailureReason::UnsupportedFormat);
    }
}

#[test]
fn an_empty_container_is_undecodable() {
    for bytes in [
        [&b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2"[..], &[0x55; 4000]].concat(),
        [&b"\x1A\x45\xDF\xA3"[..], &[0x9F; 4000]].concat(),
        [&b"RIFF\xFF\xFF\0\0AVI LIST"[..], &[0x01; 4000]].concat(),
        b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08moov".to_vec(),
    ] {
        let reason = reason(&Clip::of_bytes(&bytes));
        assert!(
            matches!(reason, FailureReason::Undecodable | FailureReason::NoVideoStream),
            "{reason:?}"
        );
    }
}

#[test]
fn a_video_without_its_index_is_undecodable() {
    let mut bytes = clip("clip.mp4", &usual("320x180", "25", 1)).bytes();
    bytes.truncate(bytes.len() / 2);
    assert_eq!(reason(&Clip::of_bytes(&bytes)), FailureReason::Undecodable);
}

#[test]
fn a_video_of_noise_is_undecodable() {
    let source = clip("clip.mp4", &format!("{} -movflags +faststart", plain("red", "320x180", 2)));
    let mut bytes = source.bytes();
    let start = bytes.windows(4).position(|four| four == b"mdat").unwrap() + 4;
    bytes[start..].iter_mut().enumerate().for_each(|(index, byte)| *byte = (index * 37) as u8);
    assert_eq!(reason(&Clip::of_bytes(&bytes)), FailureReason::Undecodable);
}

#[test]
fn the_start_of_a_truncated_video_is_kept() {
    let arguments = format!("{} -movflags +faststart", usual("320x180", "25", 4));
    let mut bytes = clip("clip.mp4", &arguments).bytes();
    bytes.truncate(bytes.len() * 3 / 4);
    let made = made(&Clip::of_bytes(&bytes));
    assert!((1.0..4.0).contains(&made.duration()), "{}", made.duration());
}

#[test]
fn sound_alone_has_no_video_stream_with_or_without_a_cover() {
    let sound = clip("sound.m4a", "-f lavfi -i sine=duration=1 -c:a aac");
    assert_eq!(reason(&sound), FailureReason::NoVideoStream);
    let cover = clip("cover.png", "-f lavfi -i color=red:size=64x64 -frames:v 1");
    let arguments =
        format!("-i {} -map 0 -map 1 -c copy -disposition:v:0 attached_pic", cover.path.display());
    assert_eq!(reason(&sound.remade("covered.mp4", &arguments)), FailureReason::NoVideoStream);
}

#[test]
fn codecs_outside_the_allowlist_are_unsupported() {
    let video = "-f lavfi -i testsrc2=size=160x120:rate=25:duration=1";
    for (name, codec) in [("clip.avi", "zmbv"), ("clip.mkv", "flv1"), ("clip.mov", "qtrle")] {
        let source = clip(name, &format!("{video} -c:v {codec}"));
        assert_eq!(reason(&source), FailureReason::UnsupportedFormat, "{codec}");
    }
    let source = clip("clip.mkv", &format!("{} -c:a wmav2", usual("160x120", "25", 1)));
    assert_eq!(reason(&source), FailureReason::UnsupportedFormat);
}

/// Damage never causes a panic or an endless loop.
#[test]
fn damaged_files_end_in_a_result() {
    let source = clip("clip.mp4", &usual("64x48", "25", 1)).bytes();
    // xorshift: every run makes the same damage.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..60 {
        let mut bytes = source.clone();
        for _ in 0..1 + next() % 20 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        let folder = tempfile::tempdir().unwrap();
        let clip = Clip::of_bytes(&bytes);
        let file = std::fs::File::open(&clip.path).unwrap();
        let _ = transcode(file, folder.path(), Outputs::FileAndStream, |_| {});
    }
}
