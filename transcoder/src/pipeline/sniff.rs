//! The container format by the file's first bytes. File name and declared type have no effect.

use std::ffi::CStr;
use std::fs::File;
use std::io::{Read, Seek};

use domain::container::ContainerFamily;
use domain::event::FailureReason;

use crate::failure::Failure;

/// Bytes that are read: the longest signature below, with room for white space before a text.
const NEEDED_BYTES: u64 = 64;

/// The family of the file's container.
///
/// # Errors
/// [`FailureReason::UnsupportedFormat`], with the name of the file's format.
pub(super) fn family_of(file: &mut File) -> Result<ContainerFamily, Failure> {
    let mut first = Vec::new();
    file.by_ref()
        .take(NEEDED_BYTES)
        .read_to_end(&mut first)
        .and_then(|_| file.rewind())
        .map_err(Failure::of_disk)?;
    ContainerFamily::sniff(&first).ok_or_else(|| {
        let detail = format!("this is {}", other_format(&first));
        Failure::new(FailureReason::UnsupportedFormat, detail)
    })
}

/// A name that FFmpeg finds the demuxer by, and the full name of that demuxer.
pub(super) fn demuxer(family: ContainerFamily) -> (&'static CStr, &'static str) {
    match family {
        ContainerFamily::IsoMedia => (c"mov", "mov,mp4,m4a,3gp,3g2,mj2"),
        ContainerFamily::Matroska => (c"matroska", "matroska,webm"),
        ContainerFamily::Avi => (c"avi", "avi"),
    }
}

/// Signatures of formats that refer to other files or are no videos. A clear name helps the log's reader.
const OTHER_FORMATS: [(&[u8], &str); 16] = [
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

/// The name of a format that is no accepted container.
fn other_format(first: &[u8]) -> &'static str {
    let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first).trim_ascii_start();
    let begins =
        |mark: &[u8]| text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    let known = OTHER_FORMATS.iter().find(|(mark, _)| begins(mark));
    known.map_or("no container format", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_format_is_named() {
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
            assert!(other_format(bytes).contains(word), "{}", bytes.escape_ascii());
        }
    }
}
