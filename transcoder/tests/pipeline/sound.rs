//! Sound: presence, channels, sample rates and synchronisation.

use std::path::Path;
use std::process::Command;

use crate::clip::{Clip, H264, clip, plain, usual};
use crate::finished::made;

/// Largest offset between picture and sound that viewers do not notice, in seconds.
pub(crate) const MAX_OFFSET: f64 = 0.04;

#[test]
fn a_clip_without_sound_gets_no_audio_track() {
    let made = made(&clip("clip.mp4", &plain("red", "160x120", 1)));
    assert!(made.stream("audio").is_none());
}

#[test]
fn mono_stays_mono_and_six_channels_become_stereo() {
    for (channels, wanted) in [(1, 1), (2, 2), (6, 2)] {
        let arguments = format!("{} -ac {channels}", usual("160x120", "25", 1));
        let made = made(&clip("clip.mp4", &arguments));
        assert_eq!(made.stream("audio").unwrap()["channels"], wanted, "{channels}");
    }
}

/// FFmpeg can't mix them, so a damaged frame that declares so many must not reach the filters.
#[test]
fn more_channels_than_any_layout_are_dropped() {
    let arguments = format!("{} -af pan=20C|c0=c0 -c:a pcm_s16le", usual("160x120", "25", 1));
    let made = made(&clip("clip.mkv", &arguments));
    assert!(made.stream("audio").is_none() && made.stream("video").is_some());
}

#[test]
fn the_sample_rate_is_44100_or_48000() {
    for (rate, wanted) in
        [("8000", "48000"), ("22050", "44100"), ("44100", "44100"), ("96000", "48000")]
    {
        let arguments = format!("{} -c:a pcm_s16le -ar {rate}", usual("160x120", "25", 1));
        let made = made(&clip("clip.mov", &arguments));
        assert_eq!(made.stream("audio").unwrap()["sample_rate"], wanted);
    }
}

/// A white flash and a beep after two seconds. The tracks start at the given times.
pub(crate) fn flash_and_beep(name: &str, picture_from: f64, sound_from: f64, more: &str) -> Clip {
    let (flash, beep) = (2.0 - picture_from, 2.0 - sound_from);
    clip(
        name,
        &format!(
            "-itsoffset {picture_from} -f lavfi -i \
             color=black:size=160x120:rate=25:duration=3,drawbox=color=white:t=fill:enable=between(t\\,{flash}\\,{})\
             \u{20}-itsoffset {sound_from} -f lavfi -i \
             aevalsrc=if(between(t\\,{beep}\\,{})\\,sin(2*PI*880*t)\\,0):s=48000:d=3 {H264} {more}",
            flash + 0.2,
            beep + 0.2,
        ),
    )
}

#[test]
fn picture_and_sound_stay_in_sync_when_one_starts_late() {
    for (name, picture_from, sound_from, more) in [
        ("clip.mp4", 0.0, 0.0, "-c:a aac"),
        ("clip.mp4", 0.0, 1.0, "-c:a aac"),
        ("clip.mp4", 1.0, 0.0, "-c:a aac"),
        ("clip.mkv", 0.0, 0.5, "-c:a libopus"),
        ("clip.mkv", 0.6, 0.0, "-c:a pcm_s16le"),
        (
            "clip.mkv",
            0.0,
            0.0,
            "-c:a aac -vf select=not(mod(n\\,3))+between(t\\,1.9\\,2.3) -vsync vfr",
        ),
    ] {
        let source = flash_and_beep(name, picture_from, sound_from, more);
        let made = made(&source);
        let (flash, beep) = (flash(&made.video), beep(&made.video));
        let about = format!("{name} {picture_from} {sound_from}: flash {flash}, beep {beep}");
        assert!((flash - beep).abs() <= MAX_OFFSET, "{about}");
        assert!((flash - 2.0).abs() <= MAX_OFFSET, "{about}");
    }
}

#[test]
fn a_gap_in_the_sound_does_not_shift_what_follows() {
    for gap in ["between(pts\\,500\\,1200)", "between(pts\\,500\\,600)"] {
        let more = format!("-c:a pcm_s16le -bsf:a noise=drop={gap}");
        let made = made(&flash_and_beep("clip.mkv", 0.0, 0.0, &more));
        let (flash, beep) = (flash(&made.video), beep(&made.video));
        assert!((flash - beep).abs() <= MAX_OFFSET, "{gap}: flash {flash}, beep {beep}");
    }
}

#[test]
fn an_edit_list_that_skips_the_start_is_applied() {
    let whole = flash_and_beep("whole.mp4", 0.0, 0.0, "-c:a aac");
    let cut = clip("cut.mp4", &format!("-ss 0.68 -i {} -c copy", whole.path.display()));
    let made = made(&cut);
    let (flash, beep) = (flash(&made.video), beep(&made.video));
    assert!((flash - 1.32).abs() <= MAX_OFFSET, "flash {flash}");
    assert!((flash - beep).abs() <= MAX_OFFSET, "flash {flash}, beep {beep}");
}

#[test]
fn a_video_without_a_first_key_frame_stays_in_sync() {
    let whole = flash_and_beep("whole.mkv", 0.0, 0.0, "-g 25 -c:a aac");
    let damaged = whole.remade("damaged.mkv", "-c copy -bsf:v noise=drop=eq(n\\,0)");
    let made = made(&damaged);
    let (flash, beep) = (flash(&made.video), beep(&made.video));
    assert!((flash - 2.0).abs() <= MAX_OFFSET, "flash {flash}");
    assert!((flash - beep).abs() <= MAX_OFFSET, "flash {flash}, beep {beep}");
}

#[test]
fn picture_and_sound_do_not_drift_apart() {
    let source = clip(
        "clip.mp4",
        &format!(
            "-f lavfi -i color=black:size=64x48:rate=30000/1001:duration=29,\
             drawbox=color=white:t=fill:enable=gte(t\\,28) \
             -f lavfi -i aevalsrc=if(gte(t\\,28)\\,sin(2*PI*880*t)\\,0):s=44100:d=29 \
             {H264} -c:a aac"
        ),
    );
    let made = made(&source);
    let (flash, beep) = (flash(&made.video), beep(&made.video));
    assert!((flash - beep).abs() <= MAX_OFFSET, "flash {flash}, beep {beep}");
    assert!((beep - 28.0).abs() <= MAX_OFFSET, "beep {beep}");
}

#[test]
fn the_default_audio_track_is_used() {
    let inputs = "-f lavfi -i color=red:size=64x48:rate=25:duration=1 \
        -f lavfi -i aevalsrc=0:s=48000:d=1 -f lavfi -i sine=frequency=880:duration=1";
    let maps = "-map 0:v -map 1:a -map 2:a";
    for (default, loud) in [(1, true), (0, false)] {
        let dispositions =
            format!("-disposition:a 0 -disposition:a:{default} default {H264} -c:a aac");
        let made = made(&clip("clip.mkv", &format!("{inputs} {maps} {dispositions}")));
        assert_eq!(is_heard(&made.video), loud, "track {default}");
    }
}

#[test]
fn a_video_continues_after_its_sound_ends() {
    let source = clip(
        "clip.mp4",
        &format!(
            "-f lavfi -i color=red:size=64x48:rate=25:duration=3 \
             -f lavfi -i sine=duration=1 {H264} -c:a aac"
        ),
    );
    let made = made(&source);
    assert!((made.duration() - 3.0).abs() <= MAX_OFFSET, "{}", made.duration());
    assert!((made.stream_duration("video") - 3.0).abs() <= MAX_OFFSET);
    assert!(made.stream_duration("audio") >= 1.0);
}

/// The time at which the picture turns white, in seconds.
pub(crate) fn flash(path: &Path) -> f64 {
    let graph = format!("movie={},signalstats", path.display());
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-f", "lavfi", "-i", &graph, "-of", "csv=p=0"])
        .args([
            "-show_entries",
            "frame=pts_time:frame_tags=lavfi.signalstats.YMAX,lavfi.signalstats.YAVG",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let frame = |line: &str| -> Option<(f64, f64)> {
        let mut numbers = line.split(',').map(|number| number.parse().unwrap());
        Some((numbers.next()?, numbers.next()?))
    };
    let white = text.lines().filter_map(frame).find(|(_, average)| *average > 150.0);
    white.unwrap().0
}

/// The time at which a player that ignores timestamps starts to play the tone, in seconds.
pub(crate) fn beep(path: &Path) -> f64 {
    first_loud_sample(path).unwrap() as f64 / 48_000.0
}

fn is_heard(path: &Path) -> bool {
    first_loud_sample(path).is_some()
}

fn first_loud_sample(path: &Path) -> Option<usize> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-vn", "-ar", "48000", "-ac", "1", "-f", "s16le", "-"])
        .output()
        .unwrap();
    let samples = output.stdout.as_chunks::<2>().0.iter().map(|two| i16::from_le_bytes(*two));
    samples.into_iter().position(|sample| sample.unsigned_abs() > 3000)
}
