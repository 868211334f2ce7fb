//! What a stranger's file is, by its first bytes. What its name or its sender say it is counts for
//! nothing; what the pipeline does not take is refused by name.

use std::ffi::CStr;
use std::fs::File;
use std::io::{Read, Seek};

use domain::event::FailureReason;

use super::Failure;

/// The longest of the marks below, with room for white space before a text.
const NEEDED: u64 = 64;

/// A container that the contest takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    IsoMedia,
    Matroska,
    Avi,
}

impl Container {
    /// What the file is, or why it is refused. The upload has looked more closely.
    pub(super) fn of(file: &mut File) -> Result<Self, Failure> {
        let mut first = Vec::new();
        file.by_ref()
            .take(NEEDED)
            .read_to_end(&mut first)
            .and_then(|_| file.rewind())
            .map_err(|error| Failure::internal(&error))?;
        Self::sniff(&first).ok_or_else(|| {
            Failure::new(FailureReason::UnsupportedFormat, format!("this is {}", stranger(&first)))
        })
    }

    fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [_, _, _, _, b'f', b't', b'y', b'p', _, _, _, _, ..]
            | [_, _, _, _, b'm', b'o', b'o', b'v', ..]
            | [_, _, _, _, b'm', b'd', b'a', b't', ..]
            | [_, _, _, _, b'w', b'i', b'd', b'e', ..]
            | [_, _, _, _, b'f', b'r', b'e', b'e', ..]
            | [_, _, _, _, b's', b'k', b'i', b'p', ..] => Some(Self::IsoMedia),
            [0x1A, 0x45, 0xDF, 0xA3, _, _, _, _, _, _, _, _, ..] => Some(Self::Matroska),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some(Self::Avi),
            _ => None,
        }
    }

    /// A name that FFmpeg finds its demuxer by, and the full name of that demuxer.
    pub(super) fn demuxer(self) -> (&'static CStr, &'static str) {
        match self {
            Self::IsoMedia => (c"mov", "mov,mp4,m4a,3gp,3g2,mj2"),
            Self::Matroska => (c"matroska", "matroska,webm"),
            Self::Avi => (c"avi", "avi"),
        }
    }
}

/// Files that make a careless program open others, or that are no films, and how they begin.
const STRANGERS: [(&[u8], &str); 16] = [
    (b"#EXTM3U", "a playlist (HLS), which names other files"),
    (b"ffconcat", "a playlist (concat), which names other files"),
    (b"file ", "a playlist (concat), which names other files"),
    (b"[playlist]", "a playlist (PLS), which names other files"),
    (b"<?xml", "an XML document, such as a manifest (DASH), which names other files"),
    (b"<MPD", "a manifest (DASH), which names other files"),
    (b"<SMIL", "a presentation (SMIL), which names other files"),
    (b"<", "a document with markup"),
    (b"v=0", "a session description (SDP), which names addresses"),
    (b"#!", "a script"),
    (b"http:", "an address"),
    (b"https:", "an address"),
    (b"\x89PNG", "a still picture (PNG)"),
    (b"\xFF\xD8\xFF", "a still picture (JPEG)"),
    (b"GIF8", "a still picture (GIF)"),
    (b"RIFF", "sound or a still picture (RIFF)"),
];

/// A name for what is no container of ours.
fn stranger(first: &[u8]) -> &'static str {
    let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first).trim_ascii_start();
    let begins =
        |mark: &[u8]| text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    let known = STRANGERS.iter().find(|(mark, _)| begins(mark));
    known.map_or("no container that we know", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_first_bytes() {
        assert_eq!(Container::sniff(b"\0\0\0\x18ftypisom"), Some(Container::IsoMedia));
        assert_eq!(Container::sniff(b"\0\0\0\x08wide\0\0\0\x01"), Some(Container::IsoMedia));
        assert_eq!(Container::sniff(b"\x1A\x45\xDF\xA3\x9F........"), Some(Container::Matroska));
        assert_eq!(Container::sniff(b"RIFF....AVI "), Some(Container::Avi));
        assert_eq!(Container::sniff(b"RIFF....WAVE"), None);
        assert_eq!(Container::sniff(b"#EXTM3U\n#EXT"), None);
        assert_eq!(Container::sniff(b"\x1A\x45"), None);
    }

    #[test]
    fn what_is_refused_is_called_by_its_name() {
        for (bytes, word) in [
            (&b"#EXTM3U\n#EXT-X-VERSION:3\n"[..], "HLS"),
            (b"\xEF\xBB\xBF \n#extm3u\n", "HLS"),
            (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "concat"),
            (b"file '/etc/passwd'\n", "concat"),
            (b"<?xml version=\"1.0\"?><MPD>", "DASH"),
            (b"<svg xmlns=", "markup"),
            (b"v=0\no=- 0 0 IN IP4 10.0.0.1\n", "SDP"),
            (b"#!/bin/sh\n", "script"),
            (b"http://169.254.169.254/", "address"),
            (b"\x89PNG\r\n\x1A\n", "PNG"),
            (b"RIFF....WEBPVP8 ", "RIFF"),
            (b"", "no container"),
        ] {
            assert!(stranger(bytes).contains(word), "{}", bytes.escape_ascii());
        }
    }
}
