//! The adaptive stream: each rendition in one file, whose fragments a list tells apart ([`crate::hls`]).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::Failure;
use super::clock::TICKS;
use super::mux::{self, Layout};
use super::rendition::Rendition;
use super::sound;
use crate::report::{Segment, Variant};

/// What follows the name of the box that tells a player about the codec: a version, then the three
/// bytes that are in question (ISO/IEC 14496-15, 5.3.3.1.2).
const CODEC_BOX: &[u8; 4] = b"avcC";

/// Writes a rendition, whose segments begin at `starts`, into the folder. `end` is when it ends.
pub(super) fn write(
    folder: &Path,
    rendition: &mut Rendition,
    sound: Option<&mut sound::Encoded>,
    starts: &[i64],
    end: i64,
) -> Result<Variant, Failure> {
    let path = folder.join(Variant::file_name(rendition.size.height));
    mux::write(&path, Layout::Fragments(starts), rendition, sound)?;
    let Parts { header, codec, fragments } =
        parts(&path).map_err(|error| Failure::of_disk(&error))?;
    if fragments.len() != starts.len() {
        let counts = format!("{} fragments for {} segments", fragments.len(), starts.len());
        return Err(Failure::internal(&counts));
    }
    let ends = starts.iter().skip(1).chain([&end]);
    let lengths = starts.iter().zip(ends).map(|(start, end)| (end - start) * 1000 / TICKS);
    let segment = |(ms, bytes)| Segment { ms: u64::try_from(ms).unwrap_or(0), bytes };
    Ok(Variant {
        width: rendition.size.width,
        height: rendition.size.height,
        codec,
        header_bytes: header,
        segments: lengths.zip(fragments).map(segment).collect(),
    })
}

/// What a fragmented file consists of, in bytes.
struct Parts {
    header: u64,
    codec: [u8; 3],
    fragments: Vec<u64>,
}

fn parts(path: &Path) -> io::Result<Parts> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let (mut at, mut starts) = (0, Vec::new());
    while at < end {
        let (size, name) = box_at(&mut file, at)?;
        if &name == b"moof" {
            starts.push(at);
        }
        at += size;
    }
    let header = starts.first().copied().unwrap_or(end);
    let ends = starts.iter().copied().skip(1).chain([end]);
    let fragments = starts.iter().zip(ends).map(|(start, end)| end - start).collect();
    Ok(Parts { header, codec: codec_in(&mut file, header)?, fragments })
}

/// Size and name of the box that begins here.
fn box_at(file: &mut File, at: u64) -> io::Result<(u64, [u8; 4])> {
    let (mut size, mut name) = ([0; 4], [0; 4]);
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut size)?;
    file.read_exact(&mut name)?;
    match u64::from(u32::from_be_bytes(size)) {
        // It would have no end, or one that does not fit: nothing that we write.
        0..8 => Err(io::ErrorKind::InvalidData.into()),
        size => Ok((size, name)),
    }
}

/// Profile, constraints and level.
fn codec_in(file: &mut File, header: u64) -> io::Result<[u8; 3]> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(header).read_to_end(&mut bytes)?;
    let at = bytes.windows(4).position(|name| name == CODEC_BOX);
    let codec = at.and_then(|at| bytes.get(at + 5..at + 8)).and_then(|three| three.try_into().ok());
    codec.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
