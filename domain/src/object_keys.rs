//! The names of objects that belong to a video.
//!
//! Each is a function of the video's id. So a repeated attempt writes the same objects, and the sweep
//! knows from a name which video an object belongs to.

use uuid::Uuid;

use crate::id::VideoId;

/// What the keys of originals begin with.
pub const ORIGINALS: &str = "originals/";
/// The length of a video's id in a key.
const ID_CHARACTERS: usize = 36;

/// What the keys of all objects that belong to videos begin with. The original comes first; its name
/// is not derived from the video's id.
pub const VIDEO_FOLDERS: [&str; 4] = [ORIGINALS, "processed/", "posters/", "hls/"];

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

/// The video that an object is named after; `None` for originals and foreign objects.
pub fn video_of(key: &str) -> Option<VideoId> {
    let folders = VIDEO_FOLDERS.iter().filter(|folder| **folder != ORIGINALS);
    let name = folders.filter_map(|folder| key.strip_prefix(folder)).next()?;
    let (id, rest) = name.split_at_checked(ID_CHARACTERS)?;
    let named = rest.starts_with(['.', '/']).then(|| Uuid::try_parse(id).ok())?;
    named.map(VideoId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_names_its_video() {
        let video = VideoId(Uuid::from_u128(7));
        let segment = hls_folder(video) + "480p.mp4";
        for key in [processed(video), poster(video), segment] {
            assert_eq!(video_of(&key), Some(video), "{key}");
        }
        let original = format!("originals/{video}.mp4");
        let longer = format!("processed/{video}0.mp4");
        for key in [original.as_str(), &longer, "posters/nobody.jpg", "posters/", "other"] {
            assert_eq!(video_of(key), None, "{key}");
        }
    }
}
