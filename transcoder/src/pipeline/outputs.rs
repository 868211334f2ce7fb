//! What the pipeline writes into the job's folder.

/// File name of the finished video.
pub const VIDEO_FILE: &str = "video.mp4";
/// File name of the poster.
pub const POSTER_FILE: &str = "poster.jpg";

/// What is made from an original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// The video file and the poster.
    File,
    /// An adaptive stream as well, see docs/adr/0018-adaptive-stream.md.
    FileAndStream,
}
