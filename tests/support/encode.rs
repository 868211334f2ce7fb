//! Video files that FFmpeg makes.

use std::process::Command;

/// An MP4 with this picture and a tone of this many seconds. `options` are those of the video encoder.
pub(crate) fn encode(picture: &str, sound_seconds: f32, options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let sound = format!("sine=frequency=440:duration={sound_seconds}");
    let encoded = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", &sound])
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .args(options)
        .arg(&path)
        .status()
        .unwrap();
    assert!(encoded.success());
    std::fs::read(path).unwrap()
}
