//! Which video containers the contest accepts, and how a file is recognised by its first bytes.
//!
//! The name of a file and the type that a client claims prove nothing. Whether a recognised file can be
//! decoded is for the transcoder to find out.
//!
//! The crate `infer` is no replacement. It takes every EBML file for WebM and pictures in ISO boxes for
//! video. It finds the document type of Matroska only at two fixed offsets.

use crate::codes::codes;

/// How many first bytes [`VideoContainer::sniff`] looks at. Headers of common writers are shorter than
/// 100 bytes; the rest leaves room for padding.
pub const SNIFFED_BYTES: usize = 1024;

/// A container that the contest accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoContainer {
    /// MPEG-4 part 14 and its relatives on the ISO base media file format (ISO/IEC 14496-12).
    Mp4,
    /// Apple QuickTime.
    QuickTime,
    /// Matroska (RFC 9559).
    Matroska,
    /// WebM: Matroska with fewer choices.
    WebM,
    /// Audio Video Interleave.
    Avi,
}

// The code is the usual extension of the file name.
codes! { VideoContainer:
    Mp4 => "mp4",
    QuickTime => "mov",
    Matroska => "mkv",
    WebM => "webm",
    Avi => "avi",
}

impl VideoContainer {
    /// The container of a file with these first bytes; `None` if it is no accepted video container.
    pub fn sniff(first_bytes: &[u8]) -> Option<Self> {
        let bytes = &first_bytes[..first_bytes.len().min(SNIFFED_BYTES)];
        match ContainerFamily::sniff(bytes)? {
            ContainerFamily::IsoMedia => iso_media(bytes).or_else(|| old_quicktime(bytes)),
            ContainerFamily::Matroska => ebml(bytes),
            ContainerFamily::Avi => Some(Self::Avi),
        }
    }

    /// The container with this file name extension.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::find(extension)
    }

    /// The usual file name extension, without the dot.
    pub fn extension(self) -> &'static str {
        self.code()
    }

    /// The media type: `video/mp4` (RFC 4337), `video/quicktime`, `video/webm`; `video/x-matroska` and
    /// `video/x-msvideo`, which browsers know.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::QuickTime => "video/quicktime",
            Self::Matroska => "video/x-matroska",
            Self::WebM => "video/webm",
            Self::Avi => "video/x-msvideo",
        }
    }
}

/// Containers that one demuxer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerFamily {
    /// MP4 and QuickTime.
    IsoMedia,
    /// Matroska and WebM.
    Matroska,
    /// AVI.
    Avi,
}

impl ContainerFamily {
    /// The family of a file with these first bytes, of which 12 are looked at. Every file that
    /// [`VideoContainer::sniff`] recognises has one; some others have one, too.
    pub fn sniff(first_bytes: &[u8]) -> Option<Self> {
        match first_bytes {
            [_, _, _, _, b'f', b't', b'y', b'p', _, _, _, _, ..]
            | [_, _, _, _, b'm', b'o', b'o', b'v', ..]
            | [_, _, _, _, b'm', b'd', b'a', b't', ..]
            | [_, _, _, _, b'w', b'i', b'd', b'e', ..]
            | [_, _, _, _, b'f', b'r', b'e', b'e', ..]
            | [_, _, _, _, b's', b'k', b'i', b'p', ..] => Some(Self::IsoMedia),
            [0x1A, 0x45, 0xDF, 0xA3, _, _, _, _, _, _, _, _, ..] => Some(Self::Matroska),
            // Microsoft, "AVI RIFF File Reference": `RIFF`, size, `AVI `.
            [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some(Self::Avi),
            _ => None,
        }
    }
}

/// Brands of video files, as registered at <https://mp4ra.org/registered-types/brands>; those of a
/// family (`3gp4`, `3g2a`, …) by their beginning.
const VIDEO_BRANDS: [&[u8]; 24] = [
    b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"isoa",
    b"isob", b"isoc", b"mp41", b"mp42", b"avc1", b"M4V", b"3g", b"mmp4", b"MSNV", b"XAVC", b"F4V ",
    b"f4v ", b"dash", b"qt  ",
];

/// Brands of still pictures (HEIF, AVIF: ISO/IEC 23008-12; Canon CR3) and of sound alone. Such files
/// often also name `isom` or `mp42` among their compatible brands, so these decide first.
const OTHER_BRANDS: [&[u8]; 14] = [
    b"mif", b"msf1", b"miaf", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"avif",
    b"avis", b"crx ", b"M4A", b"M4B",
];

/// A file type box: size (32 bits, big-endian), `ftyp`, major brand, minor version, compatible
/// brands (ISO/IEC 14496-12, 4.3).
fn iso_media(bytes: &[u8]) -> Option<VideoContainer> {
    let (size, kind) = box_header(bytes)?;
    if kind != b"ftyp" || size < 16 || size % 4 != 0 {
        return None;
    }
    let body = &bytes[8..bytes.len().min(usize::try_from(size).ok()?)];
    let major: &[u8] = body.first_chunk::<4>()?;
    let compatible = || body.get(8..).unwrap_or_default().chunks_exact(4);
    let is_of = |brand: &[u8], family: &[&[u8]]| family.iter().any(|name| brand.starts_with(name));

    if is_of(major, &OTHER_BRANDS) {
        return None;
    }
    if major == b"qt  " {
        return Some(VideoContainer::QuickTime);
    }
    let is_video = is_of(major, &VIDEO_BRANDS)
        || (compatible().any(|brand| is_of(brand, &VIDEO_BRANDS))
            && !compatible().any(|brand| is_of(brand, &OTHER_BRANDS)));
    is_video.then_some(VideoContainer::Mp4)
}

/// QuickTime files from before the file type box begin with one of these atoms (QuickTime File
/// Format Specification, "Movie Atoms" and "Free, Skip and Wide Atoms").
fn old_quicktime(bytes: &[u8]) -> Option<VideoContainer> {
    let (size, kind) = box_header(bytes)?;
    let valid = match kind {
        b"moov" | b"free" | b"skip" => size >= 8,
        b"wide" => size == 8,
        // 0: to the end of the file; 1: a size of 64 bits follows.
        b"mdat" => size >= 8 || size <= 1,
        _ => false,
    };
    valid.then_some(VideoContainer::QuickTime)
}

fn box_header(bytes: &[u8]) -> Option<(u32, &[u8; 4])> {
    let size = u32::from_be_bytes(*bytes.first_chunk()?);
    Some((size, bytes.get(4..)?.first_chunk()?))
}

/// An EBML header (RFC 8794, 11.2.1) with a document type (11.2.8) of Matroska or WebM.
fn ebml(bytes: &[u8]) -> Option<VideoContainer> {
    const HEADER: &[u8] = &[0x1A, 0x45, 0xDF, 0xA3];
    const DOC_TYPE: &[u8] = &[0x42, 0x82];
    let mut rest = bytes.strip_prefix(HEADER)?;
    let length = take_size(&mut rest)?;
    rest = &rest[..rest.len().min(length)];
    loop {
        let id = take_id(&mut rest)?;
        let length = take_size(&mut rest)?;
        let content = rest.get(..length)?;
        rest = &rest[length..];
        if id == DOC_TYPE {
            return match without_padding(content) {
                b"matroska" => Some(VideoContainer::Matroska),
                b"webm" => Some(VideoContainer::WebM),
                _ => None,
            };
        }
    }
}

/// Strings may be filled up with zeros (RFC 8794, 13).
fn without_padding(mut text: &[u8]) -> &[u8] {
    while let [start @ .., 0] = text {
        text = start;
    }
    text
}

/// Takes an element's id: its first byte's leading zeros say how many bytes follow, three at most
/// (RFC 8794, 5).
fn take_id<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = rest.first()?.leading_zeros() as usize + 1;
    if length > 4 {
        return None;
    }
    let (id, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(id)
}

/// Takes an element's size: as an id, but of up to eight bytes, and without the marking bit
/// (RFC 8794, 4 and 6). `None` also for the unknown size, which these elements may not have.
fn take_size(rest: &mut &[u8]) -> Option<usize> {
    let length = rest.first()?.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let (number, after) = rest.split_at_checked(length)?;
    *rest = after;
    let bits = 7 * u32::try_from(length).ok()?;
    let all = number.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let mask = (1_u64 << bits) - 1;
    (all & mask != mask).then(|| usize::try_from(all & mask).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ftyp(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
        let size = 16 + 4 * compatible.len() as u32;
        let mut bytes = size.to_be_bytes().to_vec();
        bytes.extend(b"ftyp");
        bytes.extend(major);
        bytes.extend([0, 0, 2, 0]);
        compatible.iter().for_each(|brand| bytes.extend(*brand));
        bytes.extend([0, 0, 0, 8]);
        bytes.extend(b"free");
        bytes
    }

    fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
        let size = [0x40 | (content.len() >> 8) as u8, content.len() as u8];
        [id, &size, content].concat()
    }

    fn ebml_file(doc_type: &[u8]) -> Vec<u8> {
        let version = element(&[0x42, 0x86], &[1]);
        let void = element(&[0xEC], &[0; 200]);
        let doc_type = element(&[0x42, 0x82], doc_type);
        let mut file = element(&[0x1A, 0x45, 0xDF, 0xA3], &[version, void, doc_type].concat());
        file.extend([0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        file
    }

    fn samples() -> Vec<(Vec<u8>, VideoContainer)> {
        use VideoContainer::{Avi, Matroska, Mp4, QuickTime, WebM};
        vec![
            // As FFmpeg writes them.
            (ftyp(b"isom", &[b"isom", b"iso2", b"avc1", b"mp41"]), Mp4),
            (ftyp(b"qt  ", &[b"qt  "]), QuickTime),
            (ftyp(b"iso5", &[b"iso5", b"iso6", b"mp41"]), Mp4),
            (ebml_file(b"matroska"), Matroska),
            (ebml_file(b"webm"), WebM),
            (ebml_file(b"webm\0\0"), WebM),
            // An iPhone, Android phones, Sony cameras.
            (ftyp(b"mp42", &[b"isom", b"mp42"]), Mp4),
            (ftyp(b"M4V ", &[b"M4V ", b"M4A ", b"mp42", b"isom"]), Mp4),
            (ftyp(b"3gp5", &[b"3gp5", b"isom"]), Mp4),
            (ftyp(b"XAVC", &[b"XAVC", b"mp42"]), Mp4),
            (ftyp(b"nice", &[b"mp42"]), Mp4),
            (ftyp(b"isom", &[]), Mp4),
            (b"\0\0\x10\0moov\0\0\0\x6Cmvhd".to_vec(), QuickTime),
            (b"\0\0\0\x08wide\0\0\0\x01mdat".to_vec(), QuickTime),
            (b"\0\0\0\x01mdat\0\0\0\0\0\x10\0\0".to_vec(), QuickTime),
            (b"\0\0\0\0mdat\0\0\0\0".to_vec(), QuickTime),
            (b"\0\0\0\x08free\0\0\0\x08mdat".to_vec(), QuickTime),
            (b"RIFF\x24\0\0\0AVI LIST".to_vec(), Avi),
        ]
    }

    #[test]
    fn video_containers_are_recognised() {
        for (bytes, container) in samples() {
            assert_eq!(VideoContainer::sniff(&bytes), Some(container), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn other_files_are_not_recognised() {
        let others: Vec<Vec<u8>> = vec![
            // Pictures and sound in the same kind of box.
            ftyp(b"heic", &[b"mif1", b"heic", b"isom"]),
            ftyp(b"mif1", &[b"mif1", b"heic", b"mp42"]),
            ftyp(b"avif", &[b"avif", b"mif1", b"miaf", b"iso8"]),
            ftyp(b"avis", &[b"avis", b"msf1", b"iso8"]),
            ftyp(b"nice", &[b"isom", b"avif"]),
            ftyp(b"crx ", &[b"crx ", b"isom"]),
            ftyp(b"M4A ", &[b"M4A ", b"mp42", b"isom"]),
            ftyp(b"nice", &[b"nice"]),
            ebml_file(b"html"),
            ebml_file(b"matroska2"),
            ebml_file(b""),
            b"RIFF\x24\0\0\0WAVEfmt ".to_vec(),
            b"RIFF\x24\0\0\0WEBPVP8 ".to_vec(),
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".to_vec(),
            b"\xFF\xD8\xFF\xE0\0\x10JFIF\0".to_vec(),
            b"GIF89a".to_vec(),
            b"%PDF-1.7\n".to_vec(),
            b"PK\x03\x04\x14\0\0\0".to_vec(),
            b"ID3\x03\0\0\0".to_vec(),
            b"OggS\0\x02\0\0".to_vec(),
            b"#EXTM3U\n#EXT-X-VERSION:3\n".to_vec(),
            b"ffconcat version 1.0\nfile '/etc/passwd'\n".to_vec(),
            b"<!DOCTYPE html><html>".to_vec(),
            b"\0\0\0\x09wide".to_vec(),
            b"\0\0\0\x07moov".to_vec(),
            vec![0; SNIFFED_BYTES],
            vec![0xFF; SNIFFED_BYTES],
            Vec::new(),
        ];
        for bytes in others {
            assert_eq!(VideoContainer::sniff(&bytes), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_family_is_recognised_by_its_first_bytes() {
        assert_eq!(ContainerFamily::sniff(b"\0\0\0\x18ftypisom"), Some(ContainerFamily::IsoMedia));
        assert_eq!(
            ContainerFamily::sniff(b"\0\0\0\x08wide\0\0\0\x01"),
            Some(ContainerFamily::IsoMedia)
        );
        assert_eq!(
            ContainerFamily::sniff(b"\x1A\x45\xDF\xA3\x9F........"),
            Some(ContainerFamily::Matroska)
        );
        assert_eq!(ContainerFamily::sniff(b"RIFF....AVI "), Some(ContainerFamily::Avi));
        assert_eq!(ContainerFamily::sniff(b"RIFF....WAVE"), None);
        assert_eq!(ContainerFamily::sniff(b"#EXTM3U\n#EXT"), None);
        assert_eq!(ContainerFamily::sniff(b"\x1A\x45"), None);
    }

    #[test]
    fn a_truncated_header_is_never_another_container() {
        for (bytes, container) in samples() {
            for end in 0..bytes.len() {
                let found = VideoContainer::sniff(&bytes[..end]);
                assert!(found.is_none_or(|found| found == container), "{end} of {bytes:?}");
            }
            assert_eq!(VideoContainer::sniff(&bytes[..4]), None);
        }
    }

    #[test]
    fn hostile_sizes_are_not_recognised() {
        let hostile: Vec<Vec<u8>> = vec![
            b"\xFF\xFF\xFF\xFFftypnice\0\0\0\0nice".to_vec(),
            b"\0\0\0\0ftypisom".to_vec(),
            b"\0\0\0\x01ftypisom".to_vec(),
            b"\0\0\0\x0Cftypisom".to_vec(),
            b"\0\0\0\x11ftypisom\0\0\0\0m".to_vec(),
            vec![0x1A, 0x45, 0xDF, 0xA3],
            vec![0x1A, 0x45, 0xDF, 0xA3, 0xFF],
            [&[0x1A, 0x45, 0xDF, 0xA3][..], &[0; 8], &[0x9F, 0x42, 0x82, 0x84], b"webm"].concat(),
            vec![0x1A, 0x45, 0xDF, 0xA3, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x42],
            [&[0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x42, 0x82, 0xFE][..], b"webm"].concat(),
            [&[0x1A, 0x45, 0xDF, 0xA3, 0x83, 0x42, 0x82, 0x84][..], b"webm"].concat(),
            [&[0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x00, 0x42, 0x82, 0x84][..], b"webm"].concat(),
            [&[0x1A, 0x45, 0xDF, 0xA3, 0x9F][..], &[0xEC, 0x80].repeat(2000)].concat(),
        ];
        for bytes in hostile {
            assert_eq!(VideoContainer::sniff(&bytes), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn only_the_first_bytes_decide() {
        // xorshift: every run looks at the same million bytes.
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let samples = samples();
        for round in 0..5_000 {
            let mut bytes = samples[round % samples.len()].0.clone();
            bytes.extend((0..SNIFFED_BYTES).map(|_| next() as u8));
            for _ in 0..3 {
                let at = next() as usize % 40;
                bytes[at] = next() as u8;
            }
            assert_eq!(
                VideoContainer::sniff(&bytes),
                VideoContainer::sniff(&bytes[..SNIFFED_BYTES])
            );
        }
    }
}
