//! Durations, the cut, frame rates.

use crate::clip::{H264, clip, usual};
use crate::finished::made;

fn near(one: f64, other: f64, within: f64) -> bool {
    (one - other).abs() <= within
}

#[test]
fn a_long_clip_is_cut_to_exactly_thirty_seconds() {
    for rate in ["25", "30000/1001"] {
        let made = made(&clip("clip.mp4", &usual("160x120", rate, 33)));
        assert!(near(made.duration(), 30.0, 0.002), "{rate}: {}", made.duration());
        let (picture, sound) = (made.stream_duration("video"), made.stream_duration("audio"));
        assert!(near(picture, 30.0, 0.002), "{rate}: {picture}");
        assert!(near(sound, 30.0, 0.002), "{rate}: {sound}");
        assert_eq!(made.report.duration_ms, 30_000);
    }
}

#[test]
fn a_short_clip_keeps_its_duration() {
    let made = made(&clip("clip.mp4", &usual("160x120", "25", 2)));
    assert!(near(made.duration(), 2.0, 0.03), "{}", made.duration());
    assert_eq!(made.frames(), 50);
}

#[test]
fn a_single_frame_becomes_a_video() {
    let made = made(&clip(
        "clip.mp4",
        &format!("-f lavfi -i color=red:size=160x120:rate=25:duration=0.04 {H264}"),
    ));
    assert_eq!(made.frames(), 1);
    assert!(near(made.duration(), 0.04, 0.01), "{}", made.duration());
}

#[test]
fn variable_frame_rates_keep_their_times() {
    // 25 a second in the first second, 5 in the next two.
    let arguments = format!(
        "-f lavfi -i testsrc2=size=160x120:rate=25:duration=3 \
         -vf select=lt(t\\,1)+not(mod(n\\,5)) -vsync vfr {H264}"
    );
    let source = clip("clip.mkv", &arguments);
    let made = made(&source);
    assert_eq!(made.frames(), 35);
    let (before, after) = (times(&source.path), times(&made.video));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert!(near(*before, *after, 0.002), "{before} {after}");
    }
    assert!(near(made.duration(), 3.0, 0.2), "{}", made.duration());
}

#[test]
fn rates_above_sixty_frames_a_second_drop_frames() {
    for rate in ["120", "240"] {
        let made = made(&clip("clip.mp4", &usual("160x120", rate, 2)));
        assert!((120..=121).contains(&made.frames()), "{rate}: {}", made.frames());
        assert!(near(made.duration(), 2.0, 0.03), "{rate}: {}", made.duration());
    }
}

#[test]
fn key_frames_are_two_seconds_apart() {
    let made = made(&clip("clip.mp4", &format!("{} -g 1", usual("160x120", "25", 5))));
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries", "packet=flags"])
        .args(["-of", "csv=p=0"])
        .arg(&made.video)
        .output()
        .unwrap();
    let keys = String::from_utf8(output.stdout).unwrap().matches('K').count();
    assert!((3..=6).contains(&keys), "{keys}");
}

/// The presentation time of each frame, in seconds.
fn times(path: &std::path::Path) -> Vec<f64> {
    let output = std::process::Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "frame=best_effort_timestamp_time",
        ])
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers =
        text.lines().map(|line| line.trim_end_matches(',')).filter(|line| !line.is_empty());
    numbers.map(|number| number.parse().unwrap()).collect()
}
