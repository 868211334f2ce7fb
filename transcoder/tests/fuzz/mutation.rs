//! The mutations of valid files.

use crate::canary::Canary;
use crate::corpus::Corpus;
use crate::random::SeededRandom;

type Mutation = fn(&Corpus, &mut SeededRandom) -> Vec<u8>;

/// The mutations by name. A name that is listed more often is chosen more often.
const MUTATIONS: [(&str, Mutation); 20] = [
    ("flipped bits", flipped),
    ("flipped bits", flipped),
    ("flipped bits", flipped),
    ("flipped headers", flipped_headers),
    ("flipped headers", flipped_headers),
    ("flipped headers", flipped_headers),
    ("truncated", truncated),
    ("truncated", truncated),
    ("swapped headers", swapped),
    ("swapped headers", swapped),
    ("spliced", spliced),
    ("spliced", spliced),
    ("huge numbers", huge_numbers),
    ("huge numbers", huge_numbers),
    ("huge pictures", huge_pictures),
    ("odd lengths", odd_lengths),
    ("odd lengths", odd_lengths),
    ("thousands of streams", many_streams),
    ("recursive boxes", recursive),
    ("noise", noise),
];

/// The file of a case, and what was done to it.
pub(crate) fn file(
    corpus: &Corpus,
    canary: &Canary,
    seed: u64,
    case: u64,
) -> (&'static str, Vec<u8>) {
    let mut random = SeededRandom::of(seed, case);
    if case % 20 == 10 {
        return ("bait", bait(canary, &mut random));
    }
    // The bomb takes seconds, so it is rare.
    if case % 200 == 100 {
        return ("decompression bomb", corpus.bomb.clone());
    }
    let (name, mutate) = random.one_of(&MUTATIONS);
    (name, mutate(corpus, &mut random))
}

fn any(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    random.one_of(&corpus.clips).clone()
}

fn flip(bytes: &mut [u8], random: &mut SeededRandom) {
    let at = random.below(bytes.len());
    bytes[at] ^= 1 << random.below(8);
}

fn flipped(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let mut bytes = any(corpus, random);
    for _ in 0..1 + random.below(64) {
        flip(&mut bytes, random);
    }
    bytes
}

/// Most data that a demuxer reads is near the start.
fn flipped_headers(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let mut bytes = any(corpus, random);
    let end = bytes.len().min(2500);
    for _ in 0..1 + random.below(6) {
        flip(&mut bytes[12..end], random);
    }
    bytes
}

fn truncated(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let mut bytes = any(corpus, random);
    bytes.truncate(random.below(bytes.len()));
    bytes
}

/// The start of one file on the body of another.
fn swapped(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let (head, mut body) = (any(corpus, random), any(corpus, random));
    let end = 1 + random.below(head.len().min(body.len()).min(1500));
    body[..end].copy_from_slice(&head[..end]);
    body
}

fn spliced(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let (one, other) = (any(corpus, random), any(corpus, random));
    let (end, start) = (random.below(one.len()), random.below(other.len()));
    [&one[..end], &other[start..]].concat()
}

/// 32-bit numbers at the edges of their range.
fn huge_numbers(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let mut bytes = any(corpus, random);
    for _ in 0..1 + random.below(4) {
        let number =
            *random.one_of(&[0_u32, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x4000_0000]);
        let at = 12 + random.below(bytes.len().min(3000) - 16);
        bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
    }
    bytes
}

/// Offsets of the boxes of this name (ISO/IEC 14496-12), after the list of brands.
fn boxes(bytes: &[u8], name: &[u8; 4]) -> Vec<usize> {
    let offsets = bytes.windows(4).enumerate().skip(32).filter(|(_, four)| four == name);
    offsets.map(|(at, _)| at + 4).collect()
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    if let Some(target) = bytes.get_mut(at..at + what.len()) {
        target.copy_from_slice(what);
    }
}

/// Declares pictures of up to 65,535 by 65,535 pixels in a sample entry or a Matroska track.
fn huge_pictures(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let side = *random.one_of(&[0xFFFF_u16, 0x8000, 0x7FFF, 0x2001]);
    if random.below(2) == 0 {
        let mut bytes = corpus.mp4.clone();
        let size = [side.to_be_bytes(), side.to_be_bytes()].concat();
        boxes(&corpus.mp4, b"avc1").into_iter().for_each(|at| put(&mut bytes, at + 24, &size));
        return bytes;
    }
    // PixelWidth 0xB0 and PixelHeight 0xBA, as elements of one or two bytes (RFC 9559).
    let mut bytes = corpus.matroska.clone();
    for at in 0..bytes.len().min(1500) - 4 {
        match bytes[at..at + 2] {
            [0xB0 | 0xBA, 0x82] => put(&mut bytes, at + 2, &side.to_be_bytes()),
            [0xB0 | 0xBA, 0x81] => bytes[at + 2] = 0xFF,
            _ => {}
        }
    }
    bytes
}

/// Zero, negative and huge durations of the movie, a track or single frames.
fn odd_lengths(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let mut bytes = corpus.mp4.clone();
    let (name, behind) = *random.one_of(&[
        (b"mvhd", 12),
        (b"mvhd", 16),
        (b"mdhd", 12),
        (b"mdhd", 16),
        (b"stts", 12),
        (b"stts", 8),
        (b"ctts", 12),
        (b"elst", 8),
        (b"elst", 12),
        (b"tkhd", 20),
    ]);
    let number = *random.one_of(&[0_u32, 1, 0xFFFF_FFFF, 0x8000_0000, 0x7FFF_FFFF, 90_000_000]);
    boxes(&corpus.mp4, name)
        .into_iter()
        .for_each(|at| put(&mut bytes, at + behind, &number.to_be_bytes()));
    bytes
}

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes()[..], name, content].concat()
}

/// The first track of the movie, up to thousands of times.
fn many_streams(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let mp4 = &corpus.mp4;
    let movie = boxes(mp4, b"moov")[0];
    let size = |at: usize| u32::from_be_bytes(mp4[at - 8..at - 4].try_into().unwrap()) as usize;
    let content = &mp4[movie..movie - 8 + size(movie)];
    let track = boxes(mp4, b"trak")[0];
    let track = &mp4[track - 8..track - 8 + size(track)];
    let times = *random.one_of(&[40, 500, 3000]);
    let grown = [content, &track.repeat(times)].concat();
    let rest = &mp4[movie - 8 + size(movie)..];
    [&mp4[..movie - 8], &boxed(b"moov", &grown), rest].concat()
}

/// Nested boxes, or Matroska elements of unknown size.
fn recursive(_: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let name = *random.one_of(&[b"moov", b"trak", b"mdia", b"udta", b"meta", b"ilst", b"SimB"]);
    let depth = *random.one_of(&[10, 1000, 20_000]);
    if name == b"SimB" {
        let header = b"\x1A\x45\xDF\xA3\x8B\x42\x82\x88matroska";
        let segment = b"\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
        let tags = b"\x12\x54\xC3\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x73\x73\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
        let simple = b"\x67\xC8\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF".repeat(depth);
        return [&header[..], segment, tags, &simple].concat();
    }
    // All sizes are known, so the boxes are written from the outside in: the other way is quadratic.
    let nested = (0..depth).flat_map(|level| {
        let size = u32::try_from((depth - level) * 8).unwrap();
        [size.to_be_bytes(), *name].concat()
    });
    let mut file = boxed(b"ftyp", b"isom\0\0\x02\0isomiso2");
    match name {
        b"moov" => file.extend(nested),
        _ => file.extend(boxed(b"moov", &nested.collect::<Vec<u8>>())),
    }
    file
}

/// Files that refer to the canary's secret or port. Some of them start like a video.
fn bait(canary: &Canary, random: &mut SeededRandom) -> Vec<u8> {
    let target = random.one_of(&canary.addresses()).clone();
    let text = match random.below(5) {
        0 => format!("#EXTM3U\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n"),
        1 => format!("ffconcat version 1.0\nfile '{target}'\n"),
        2 => format!("<?xml version=\"1.0\"?><MPD><BaseURL>{target}</BaseURL></MPD>"),
        3 => format!("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\na=control:{target}\n"),
        _ => target,
    };
    let playlist = text.into_bytes();
    match random.below(4) {
        0 => playlist,
        1 => [boxed(b"ftyp", b"isom\0\0\x02\0isomiso2"), playlist].concat(),
        // An AVI subtitle track that contains a file of its own.
        2 => [&b"RIFF\xFF\xFF\0\0AVI LIST\xFF\0\0\0movi00tx\xFF\0\0\0GAB2\0\x02\0"[..], &playlist]
            .concat(),
        // A data reference (ISO/IEC 14496-12, 8.7.2) to somewhere else.
        _ => {
            let reference = boxed(b"url ", &[&[0; 4][..], &playlist].concat());
            let references = boxed(b"dref", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &reference].concat());
            let movie = [b"dinf", b"minf", b"mdia", b"trak", b"moov"]
                .into_iter()
                .fold(references, |inner, name| boxed(name, &inner));
            [boxed(b"ftyp", b"isom\0\0\x02\0isomiso2"), movie].concat()
        }
    }
}

/// A valid start followed by random bytes.
fn noise(corpus: &Corpus, random: &mut SeededRandom) -> Vec<u8> {
    let mut bytes = any(corpus, random);
    let start = 16 + random.below(600).min(bytes.len() / 2);
    bytes[start..].iter_mut().for_each(|byte| *byte = random.next() as u8);
    bytes
}
