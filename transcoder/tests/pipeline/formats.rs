//! The containers and codecs that people upload.

use crate::clip::{clip, usual};
use crate::finished::made;

fn comes_out_whole(name: &str, codecs: &str) {
    let source = clip(name, &format!("{} {codecs}", usual("320x180", "25", 1)));
    let made = made(&source);
    assert_eq!(made.size(), (320, 180), "{name} {codecs}");
    assert!(made.stream("audio").is_some(), "{name} {codecs}");
    assert!((made.duration() - 1.0).abs() < 0.1, "{name} {codecs}: {}", made.duration());
}

#[test]
fn mp4() {
    comes_out_whole("clip.mp4", "");
    comes_out_whole("clip.mp4", "-c:v libx265 -preset ultrafast -tag:v hvc1");
    comes_out_whole("clip.mp4", "-c:v mpeg4 -c:a libmp3lame");
    comes_out_whole("clip.3gp", "-c:a aac");
}

#[test]
fn mov() {
    comes_out_whole("clip.mov", "-c:v prores_ks -pix_fmt yuv422p10le -c:a pcm_s24le");
    comes_out_whole("clip.mov", "-c:v mjpeg -pix_fmt yuvj420p -c:a alac");
}

#[test]
fn webm() {
    comes_out_whole("clip.webm", "-c:v libvpx -c:a libvorbis");
    comes_out_whole("clip.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus");
    comes_out_whole("clip.webm", "-c:v libaom-av1 -cpu-used 8 -usage realtime -c:a libopus");
}

#[test]
fn mkv() {
    comes_out_whole("clip.mkv", "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -c:a flac");
    comes_out_whole("clip.mkv", "-c:v mpeg2video -c:a ac3");
}

#[test]
fn avi() {
    comes_out_whole("clip.avi", "-c:v mpeg4 -c:a libmp3lame");
    comes_out_whole("clip.avi", "-c:v mjpeg -pix_fmt yuvj422p -c:a pcm_s16le");
}

#[test]
fn interlaced_pictures_are_no_problem() {
    comes_out_whole("clip.mkv", "-c:v mpeg2video -flags +ildct+ilme -vf interlace -r 25 -c:a mp2");
}

#[test]
fn nothing_about_the_source_is_copied() {
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
