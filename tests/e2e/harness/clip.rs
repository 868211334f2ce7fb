//! Video files for uploads.

use std::process::Command;
use std::sync::OnceLock;

use super::encode::encode;

/// A clip of two seconds with picture and sound.
pub(crate) fn real() -> Vec<u8> {
    static CLIP: OnceLock<Vec<u8>> = OnceLock::new();
    CLIP.get_or_init(|| superfast("testsrc2=size=640x360:rate=25:duration=2")).clone()
}

/// A clip that a worker needs some seconds for.
pub(crate) fn long() -> Vec<u8> {
    superfast("testsrc2=size=1280x720:rate=50:duration=12")
}

fn superfast(picture: &str) -> Vec<u8> {
    encode(picture, 2.0, &["-preset", "superfast", "-crf", "36"])
}

/// A poster with the colours of this number.
pub(crate) fn poster(number: usize) -> Vec<u8> {
    const COLOURS: [(&str, &str); 6] = [
        ("0x2b1055", "0xd53369"),
        ("0x0b1f4d", "0xffb020"),
        ("0x134e5e", "0x71b280"),
        ("0x42275a", "0xb35d8c"),
        ("0x0f2027", "0x2c7744"),
        ("0x8e0e00", "0xd9822b"),
    ];
    let (dark, bright) = COLOURS[number % COLOURS.len()];
    let lights = format!("gradients=s=640x360:c0={dark}:c1={bright}:n=2:seed={number}:d=1:r=1");
    let drawn = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &lights, "-frames:v", "1", "-q:v", "6"])
        .args(["-f", "mjpeg", "-"])
        .output()
        .unwrap();
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    drawn.stdout
}

/// [`real`] padded to exactly `size` bytes with a `free` box (ISO/IEC 14496-12, 8.1.2).
pub(crate) fn of_size(size: usize) -> Vec<u8> {
    let mut clip = real();
    let padding = size - clip.len();
    assert!(padding >= 8);
    clip.extend_from_slice(&u32::try_from(padding).unwrap().to_be_bytes());
    clip.extend_from_slice(b"free");
    clip.resize(size, 0);
    clip
}

/// The header of an MP4, followed by garbage.
pub(crate) fn broken() -> Vec<u8> {
    let mut clip = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec();
    clip.extend_from_slice(&[0x5a; 4_096]);
    clip
}

/// The output of `ffprobe` for a file.
pub(crate) fn probe(file: &[u8]) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    std::fs::write(&path, file).unwrap();
    let probed = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_format", "-show_streams"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(probed.status.success(), "{}", String::from_utf8_lossy(&probed.stderr));
    serde_json::from_slice(&probed.stdout).unwrap()
}
