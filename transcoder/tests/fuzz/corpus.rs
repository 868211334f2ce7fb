//! Valid files that the mutations start from.

use std::process::Command;

/// Small clips of all containers.
pub(crate) struct Corpus {
    pub(crate) clips: Vec<Vec<u8>>,
    /// The index comes first, so that mutations find the boxes.
    pub(crate) mp4: Vec<u8>,
    pub(crate) matroska: Vec<u8>,
    /// A few kilobytes that decode to a gigabyte of pictures.
    pub(crate) bomb: Vec<u8>,
}

impl Corpus {
    pub(crate) fn new() -> Self {
        let mp4 = clip("mp4", "-c:v libx264 -pix_fmt yuv420p -c:a aac -movflags +faststart");
        let matroska = clip("mkv", "-c:v libx264 -pix_fmt yuv420p -c:a flac");
        let clips = vec![
            mp4.clone(),
            matroska.clone(),
            clip("mp4", "-c:v libx265 -x265-params log-level=error -c:a libmp3lame"),
            clip("mp4", "-c:v libx264 -pix_fmt yuv420p -c:a aac -movflags +frag_keyframe"),
            clip("mov", "-c:v prores_ks -pix_fmt yuv422p10le -c:a pcm_s16le"),
            clip("webm", "-c:v libvpx -c:a libvorbis"),
            clip("webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
            clip("avi", "-c:v mpeg4 -c:a libmp3lame"),
            clip("avi", "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le"),
            clip("3gp", "-c:v mpeg4 -c:a aac"),
        ];
        let bomb = made("mp4", "-f lavfi -i color=black:size=8192x4320:rate=25:duration=1", BOMB);
        Self { clips, mp4, matroska, bomb }
    }
}

const BOMB: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

fn clip(kind: &str, codecs: &str) -> Vec<u8> {
    let inputs = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 \
        -f lavfi -i sine=frequency=440:sample_rate=48000:duration=1";
    made(kind, inputs, codecs)
}

fn made(kind: &str, inputs: &str, codecs: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("clip.{kind}"));
    let made = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(inputs.split_whitespace())
        .args(codecs.split_whitespace())
        // The same bytes in every run.
        .args(["-fflags", "+bitexact", "-flags", "+bitexact", "-threads", "1"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success(), "ffmpeg {inputs} {codecs}");
    std::fs::read(path).unwrap()
}
