//! Detects a child that leaves its sandbox.

use std::net::TcpListener;
use std::path::PathBuf;

use tempfile::TempDir;

/// A folder and a port that no child may touch.
pub(crate) struct Canary {
    folder: TempDir,
    port: TcpListener,
}

impl Canary {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        port.set_nonblocking(true).unwrap();
        Self { folder, port }
    }

    /// The addresses that baits contain.
    pub(crate) fn addresses(&self) -> [String; 3] {
        let (port, secret) = (self.port.local_addr().unwrap(), self.folder.path().join("secret"));
        [
            format!("http://{port}/film.mp4"),
            format!("file://{}", secret.display()),
            secret.display().to_string(),
        ]
    }

    /// The trace of an escape, if there was one.
    pub(crate) fn trace(&self) -> Option<String> {
        if let Ok((_, caller)) = self.port.accept() {
            return Some(format!("a call from {caller}"));
        }
        let files: Vec<PathBuf> =
            std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let secret = std::fs::read(self.folder.path().join("secret"));
        let untouched = files.len() == 1 && secret.is_ok_and(|secret| secret == b"secret");
        (!untouched).then(|| format!("{files:?}"))
    }
}
