//! The names of objects that belong to a video.
//!
//! Each is a function of the video's id. So a repeated attempt writes the same objects, and the sweep
//! knows from a name which video an object belongs to.

use crate::id::VideoId;

/// What the keys of all objects that belong to videos begin with. The original comes first; its name
/// is not derived from the video's id.
pub const VIDEO_FOLDERS: [&str; 4] = ["originals/", "processed/", "posters/", "hls/"];

/// The key of the finished video.
pub fn processed(video: VideoId) -> String {
    format!("processed/{video}.mp4")
}

/// The key of the still picture.
pub fn poster(video: VideoId) -> String {
    format!("posters/{video}.jpg")
}

/// The prefix of the keys of all objects of the adaptive stream, and of no others.
pub fn hls_folder(video: VideoId) -> String {
    format!("hls/{video}/")
}
