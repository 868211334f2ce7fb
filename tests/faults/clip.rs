//! The film that everybody uploads.

use std::process::Command;

/// Half a second, as small as it gets.
pub(crate) fn tiny() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=128x72:rate=10:duration=0.5"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:duration=0.5"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::read(path).unwrap()
}
