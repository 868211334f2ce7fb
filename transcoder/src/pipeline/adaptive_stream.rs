//! The adaptive stream: one fragmented file per rendition. A playlist gives the byte range of each
//! fragment (`hls.rs`).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::clock::CLOCK_RATE;
use super::mux::{self, Mp4Layout};
use super::rendition::Rendition;
use super::sound::EncodedSound;
use crate::failure::Failure;
use crate::finished_video::{Segment, Variant};

/// The box with the codec's parameters: after its name a version, then profile, constraints and level
/// (ISO/IEC 14496-15, 5.3.3.1.2).
const CODEC_BOX: &[u8; 4] = b"avcC";

/// Writes a rendition into the folder. `starts` are its segments' start times, `end` is its end, in
/// ticks.
pub(super) fn write(
    folder: &Path,
    rendition: &mut Rendition,
    sound: Option<&mut EncodedSound>,
    starts: &[i64],
    end: i64,
) -> Result<Variant, Failure> {
    let path = folder.join(Variant::file_name(rendition.size.height));
    mux::write(&path, Mp4Layout::Fragmented(starts), rendition, sound)?;
    let FragmentedFile { header, codec, fragments } =
        FragmentedFile::read(&path).map_err(Failure::of_disk)?;
    if fragments.len() != starts.len() {
        let counts = format!("{} fragments for {} segments", fragments.len(), starts.len());
        return Err(Failure::internal(counts));
    }
    let ends = starts.iter().skip(1).chain([&end]);
    let lengths = starts.iter().zip(ends).map(|(start, end)| (end - start) * 1000 / CLOCK_RATE);
    let segment = |(ms, bytes)| Segment { ms: u64::try_from(ms).unwrap_or(0), bytes };
    Ok(Variant {
        width: rendition.size.width,
        height: rendition.size.height,
        codec,
        header_bytes: header,
        segments: lengths.zip(fragments).map(segment).collect(),
    })
}

/// The structure of a fragmented file; sizes in bytes.
struct FragmentedFile {
    header: u64,
    codec: [u8; 3],
    fragments: Vec<u64>,
}

impl FragmentedFile {
    fn read(path: &Path) -> io::Result<Self> {
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
        Ok(Self { header, codec: codec_in(&mut file, header)?, fragments })
    }
}

/// Size and name of the box at this offset.
fn box_at(file: &mut File, at: u64) -> io::Result<(u64, [u8; 4])> {
    let (mut size, mut name) = ([0; 4], [0; 4]);
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut size)?;
    file.read_exact(&mut name)?;
    match u64::from(u32::from_be_bytes(size)) {
        // 0 and 1 announce boxes without a 32-bit size. The muxer writes none.
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
