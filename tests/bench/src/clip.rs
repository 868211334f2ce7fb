//! A video file of a given size.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A clip of two seconds, padded to exactly `size` bytes with a `free` box, which players skip
/// (ISO/IEC 14496-12, 8.1.2).
pub(crate) fn of_size(size: usize) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=2"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:duration=2"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&path)
        .status()
        .context("`ffmpeg` cannot be run")?;
    ensure!(made.success(), "ffmpeg makes no clip");
    let mut clip = std::fs::read(path)?;
    let padding = size.checked_sub(clip.len()).context("the clip is larger than that")?;
    ensure!(padding >= 8, "the padding is too small for a box");
    clip.extend_from_slice(&u32::try_from(padding)?.to_be_bytes());
    clip.extend_from_slice(b"free");
    clip.resize(size, 0);
    Ok(clip)
}
