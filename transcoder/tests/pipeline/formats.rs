//! Common containers and codecs.

use std::path::Path;
use std::process::Command;

use crate::clip::{Clip, clip, plain, usual};
use crate::finished::made;

fn is_transcoded(name: &str, codecs: &str) {
    let source = clip(name, &format!("{} {codecs}", usual("320x180", "25", 1)));
    let made = made(&source);
    assert_eq!(made.size(), (320, 180), "{name} {codecs}");
    assert!(made.stream("audio").is_some(), "{name} {codecs}");
    assert!((made.duration() - 1.0).abs() < 0.1, "{name} {codecs}: {}", made.duration());
}

#[test]
fn mp4() {
    is_transcoded("clip.mp4", "");
    is_transcoded("clip.mp4", "-c:v libx265 -preset ultrafast -tag:v hvc1");
    is_transcoded("clip.mp4", "-c:v mpeg4 -c:a libmp3lame");
    is_transcoded("clip.3gp", "-c:a aac");
}

#[test]
fn mov() {
    is_transcoded("clip.mov", "-c:v prores_ks -pix_fmt yuv422p10le -c:a pcm_s24le");
    is_transcoded("clip.mov", "-c:v mjpeg -pix_fmt yuvj420p -c:a alac");
}

#[test]
fn webm() {
    is_transcoded("clip.webm", "-c:v libvpx -c:a libvorbis");
    is_transcoded("clip.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus");
    is_transcoded("clip.webm", "-c:v libaom-av1 -cpu-used 8 -usage realtime -c:a libopus");
}

#[test]
fn mkv() {
    is_transcoded("clip.mkv", "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -c:a flac");
    is_transcoded("clip.mkv", "-c:v mpeg2video -c:a ac3");
}

#[test]
fn avi() {
    is_transcoded("clip.avi", "-c:v mpeg4 -c:a libmp3lame");
    is_transcoded("clip.avi", "-c:v mjpeg -pix_fmt yuvj422p -c:a pcm_s16le");
}

/// The numbers of interlaced and of progressive frames according to FFmpeg's detector.
fn combed(path: &Path) -> (u32, u32) {
    let output = Command::new("ffmpeg")
        .args(["-v", "info", "-i"])
        .arg(path)
        .args(["-an", "-vf", "idet", "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().find(|line| line.contains("Multi frame detection")).unwrap();
    let count = |name| -> u32 {
        let (_, rest) = line.split_once(name).unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    (count("TFF:") + count("BFF:"), count("Progressive:"))
}

#[test]
fn interlaced_frames_are_deinterlaced() {
    let source = clip(
        "clip.mkv",
        "-f lavfi -i testsrc2=size=320x240:rate=50:duration=2 -vf interlace \
         -c:v mpeg2video -qscale:v 2 -flags +ildct+ilme",
    );
    let (before, _) = combed(&source.path);
    assert!(before > 30, "the source is interlaced: {before}");
    let made = made(&source);
    let (after, whole) = combed(&made.video);
    assert!(after * 10 < whole, "{after} of {} look combed", after + whole);
    assert_eq!(made.frames(), 50);
}

#[test]
fn covers_and_subtitles_are_not_copied() {
    let cover = clip("cover.png", "-f lavfi -i color=lime:size=64x64 -frames:v 1");
    let subtitle_file = Clip::of_bytes(b"1\n00:00:00,000 --> 00:00:01,000\nSecreto\n");
    let video = clip("video.mp4", &plain("red", "320x180", 1));
    for (name, subtitles) in [("clip.mkv", "srt"), ("clip.mp4", "mov_text")] {
        let arguments = format!(
            "-i {} -f srt -i {} -map 1 -map 0 -map 2 -c copy -c:s {subtitles} \
             -disposition:v:0 attached_pic",
            cover.path.display(),
            subtitle_file.path.display(),
        );
        let made = made(&video.remade(name, &arguments));
        assert_eq!(made.probe["streams"].as_array().unwrap().len(), 1, "{name}");
        assert_eq!(made.frame_at(0.5).colour(50, 30), "red", "{name}");
    }
}

#[test]
fn no_metadata_of_the_source_is_copied() {
    let arguments = format!(
        "{} -metadata title=Secreto -metadata location=+4.6097-074.0817/ \
         -metadata com.apple.quicktime.make=Telefono -metadata:s:a:0 handler_name=Microfono \
         -movflags use_metadata_tags",
        usual("160x120", "25", 1)
    );
    let source = clip("clip.mp4", &arguments);
    let bytes = source.bytes();
    let holds = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    assert!(holds(&bytes, b"Secreto") && holds(&bytes, b"Telefono"));
    let made = made(&source);
    let bytes = std::fs::read(&made.video).unwrap();
    for word in [&b"Secreto"[..], b"+4.6097", b"Telefono", b"Microfono"] {
        assert!(!holds(&bytes, word), "{}", made.tags());
    }
}
