//! The adaptive stream: renditions of one video with the same segment boundaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use transcoder::finished_video::Variant;

use crate::clip::{Clip, H264, clip, plain, usual};
use crate::finished::{Made, made, probe};
use crate::sound::{MAX_OFFSET, beep, flash, flash_and_beep};

fn path(made: &Made, variant: &Variant) -> PathBuf {
    made.folder.path().join(Variant::file_name(variant.height))
}

fn heights(made: &Made) -> Vec<u32> {
    made.report.variants.iter().map(|variant| variant.height).collect()
}

/// The checksum of each picture.
fn frames(path: &Path) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(path)
        .args(["-map", "0:v", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", path.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

#[test]
fn a_rendition_is_never_larger_than_the_video() {
    for (size, expected) in [
        ("1920x1080", &[(1280, 720), (854, 480), (640, 360)][..]),
        ("720x1280", &[(406, 720), (270, 480), (204, 360)]),
        ("640x400", &[(640, 400), (576, 360)]),
        ("640x360", &[(640, 360)]),
        ("160x120", &[(160, 120)]),
    ] {
        let made = made(&clip("clip.mp4", &plain("red", size, 1)));
        let sizes: Vec<_> =
            made.report.variants.iter().map(|variant| (variant.width, variant.height)).collect();
        assert_eq!(sizes, expected, "{size}");
        for variant in &made.report.variants {
            let about = probe(&path(&made, variant));
            assert_eq!(about["streams"][0]["width"], variant.width);
            assert_eq!(about["streams"][0]["height"], variant.height);
        }
    }
}

#[test]
fn all_renditions_have_the_same_frames_and_duration() {
    let made = made(&clip("clip.mp4", &usual("1280x720", "25", 5)));
    assert_eq!(heights(&made), [720, 480, 360]);
    let whole = frames(&made.video);
    for variant in &made.report.variants {
        let about = probe(&path(&made, variant));
        assert_eq!(about["streams"].as_array().unwrap().len(), 2);
        let length: f64 = about["format"]["duration"].as_str().unwrap().parse().unwrap();
        assert!((length - 5.0).abs() < 0.1, "{length}");
        assert_eq!(frames(&path(&made, variant)).len(), whole.len());
    }
    assert_eq!(frames(&path(&made, &made.report.variants[0])), whole, "encoded once");
}

#[test]
fn every_segment_plays_without_the_others() {
    // Scenes change in the middle of segments, not at their starts.
    let scenes = "-f lavfi -i testsrc2=size=1280x720:rate=30000/1001:duration=7,\
        negate=enable=lt(mod(t\\,1.7)\\,0.8) -f lavfi -i sine=duration=7";
    let made = made(&clip("clip.mp4", &format!("{scenes} {H264} -c:a aac")));
    for variant in &made.report.variants {
        let lengths: Vec<u64> = variant.segments.iter().map(|segment| segment.ms).collect();
        assert_eq!(lengths.len(), 4, "{lengths:?}");
        assert!(lengths[..3].iter().all(|ms| ms.abs_diff(2000) <= 34), "{lengths:?}");
        assert!(lengths[3].abs_diff(1000) <= 67, "{lengths:?}");
        let bytes = std::fs::read(path(&made, variant)).unwrap();
        let (header, mut rest) = bytes.split_at(usize::try_from(variant.header_bytes).unwrap());
        let mut all = 0;
        for segment in &variant.segments {
            let (part, more) = rest.split_at(usize::try_from(segment.bytes).unwrap());
            rest = more;
            let alone = Clip::of_bytes(&[header, part].concat());
            let pictures = frames(&alone.path).len();
            let expected = segment.ms as f64 * 30.0 / 1001.0;
            assert!((pictures as f64 - expected).abs() < 1.1, "{pictures} {expected}");
            all += pictures;
        }
        assert_eq!(rest, [0_u8; 0], "no bytes follow the last segment");
        assert_eq!(all, made.frames());
    }
    let lengths = |variant: &Variant| -> Vec<u64> {
        variant.segments.iter().map(|segment| segment.ms).collect()
    };
    let cuts: Vec<_> = made.report.variants.iter().map(lengths).collect();
    assert!(cuts.windows(2).all(|two| two[0] == two[1]), "the same boundaries: {cuts:?}");
}

#[test]
fn picture_and_sound_are_in_sync_in_every_rendition() {
    for (picture_from, sound_from) in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)] {
        let made =
            made(&flash_and_beep("clip.mp4", picture_from, sound_from, "-c:a aac -s 960x540"));
        assert_eq!(heights(&made), [540, 480, 360]);
        for variant in &made.report.variants {
            let path = path(&made, variant);
            let (flash, beep) = (flash(&path), beep(&path));
            assert!((flash - beep).abs() <= MAX_OFFSET, "flash {flash}, beep {beep}");
        }
    }
}

#[test]
fn the_reported_codec_is_that_of_the_stream() {
    let made = made(&clip("clip.mp4", &plain("red", "1280x720", 1)));
    for variant in &made.report.variants {
        let about = probe(&path(&made, variant));
        let level = about["streams"][0]["level"].as_u64().unwrap();
        let [profile, _, reported] = variant.codec;
        assert_eq!((profile, u64::from(reported)), (100, level), "High");
        assert_eq!(about["streams"][0]["profile"], "High");
    }
}
