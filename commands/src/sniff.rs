//! Recognising video containers by their first bytes.

/// So many first bytes suffice.
pub const NEEDED: usize = 64;

/// A container that the contest accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoContainer {
    /// ISO base media (MP4, MOV).
    Mp4,
}

impl VideoContainer {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        "video/mp4"
    }

    /// Its usual file extension.
    pub fn extension(self) -> &'static str {
        "mp4"
    }
}

/// The container that a file starting with `first` is; `None` if it is none we accept.
pub fn sniff(first: &[u8]) -> Option<VideoContainer> {
    (first.get(4..8)? == b"ftyp").then_some(VideoContainer::Mp4)
}
