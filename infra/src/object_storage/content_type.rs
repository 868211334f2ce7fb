//! The media type of an object by its file extension.
//!
//! Kept, not `mime_guess`: the list is closed, so that no upload is ever served as HTML or a script.

use domain::container::VideoContainer;

use super::object_key::ObjectKey;

/// The media type for the extension of the key; `application/octet-stream` if the extension is unknown.
/// Types are those registered with IANA, or those that browsers know.
pub fn content_type_of(key: &ObjectKey) -> &'static str {
    let extension = key.as_str().rsplit_once('.').map_or("", |(_, extension)| extension);
    let extension = extension.to_ascii_lowercase();
    if let Some(container) = VideoContainer::from_extension(&extension) {
        return container.content_type();
    }
    match extension.as_str() {
        "m4v" => "video/mp4",
        "qt" => "video/quicktime",
        "ts" => "video/mp2t",
        "m4s" => "video/iso.segment",
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "vtt" => "text/vtt",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_the_type() {
        let type_of = |key| content_type_of(&ObjectKey::parse(key).unwrap());

        assert_eq!(type_of("videos/1/original.mp4"), "video/mp4");
        assert_eq!(type_of("videos/1/original.MOV"), "video/quicktime");
        assert_eq!(type_of("videos/1/original.mkv"), "video/x-matroska");
        assert_eq!(type_of("videos/1/original.webm"), "video/webm");
        assert_eq!(type_of("videos/1/original.avi"), "video/x-msvideo");
        assert_eq!(type_of("posters/1.jpg"), "image/jpeg");
        assert_eq!(type_of("hls/1.m3u8"), "application/vnd.apple.mpegurl");
        assert_eq!(type_of("noextension"), "application/octet-stream");
        assert_eq!(type_of("mp4"), "application/octet-stream");
        assert_eq!(type_of("page.html"), "application/octet-stream");
    }
}
