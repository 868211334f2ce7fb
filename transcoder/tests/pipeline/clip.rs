//! Source clips.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A clip in a folder of its own.
pub(crate) struct Clip {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

/// Makes a file of this name with `ffmpeg`.
pub(crate) fn clip(name: &str, arguments: &str) -> Clip {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    ffmpeg(arguments, &path);
    Clip { _folder: folder, path }
}

impl Clip {
    /// Makes another file from this one with `ffmpeg`.
    pub(crate) fn remade(&self, name: &str, arguments: &str) -> Clip {
        clip(name, &format!("-i {} {arguments}", self.path.display()))
    }

    /// A file with these bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Clip {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip");
        std::fs::write(&path, bytes).unwrap();
        Clip { _folder: folder, path }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }
}

fn ffmpeg(arguments: &str, output: &Path) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(output)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "ffmpeg {arguments}: {stderr}");
}

/// Moving picture and a tone, `seconds` long.
pub(crate) fn usual(size: &str, rate: &str, seconds: u32) -> String {
    format!(
        "-f lavfi -i testsrc2=size={size}:rate={rate}:duration={seconds} \
         -f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} {H264} -c:a aac"
    )
}

/// One plain colour, without sound.
pub(crate) fn plain(colour: &str, size: &str, seconds: u32) -> String {
    format!("-f lavfi -i color={colour}:size={size}:rate=25:duration={seconds} {H264}")
}

/// Corners of four colours: red, lime, blue, white, from the top left to the bottom right.
pub(crate) fn corners() -> String {
    let colour = |name| format!("color={name}:size=160x90:rate=25:duration=1");
    format!(
        "-f lavfi -i {},{}[r];{}[g];{}[b];{}[w];[r][g]hstack[t];[b][w]hstack[u];[t][u]vstack {H264}",
        colour("red"),
        "null",
        colour("lime"),
        colour("blue"),
        colour("white"),
    )
}

pub(crate) const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
