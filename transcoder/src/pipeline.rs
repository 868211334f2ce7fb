//! The pipeline: a stranger's file in, a video that every browser plays and a still picture out.
//!
//! FFmpeg's libraries do the work in this process; the worker calls it only in a child process, from
//! inside the sandbox. Nothing here panics on any input, and every failure has a reason.

mod clock;
mod colour;
pub(crate) mod geometry;
mod graph;
mod mux;
mod picture;
mod poster;
mod rendition;
mod sniff;
mod sound;
mod source;
mod stream;
mod sys;
mod watermark;

use std::fs::{self, File};
use std::path::Path;

use ffmpeg_next::{Error, error};

use crate::report::{Failure, Finished, Variant};
use clock::TICKS;
use mux::Layout;
use picture::Picture;
use sound::Sound;
use source::{Opened, Source};

/// The finished video's name in the folder of the job.
pub const VIDEO_FILE: &str = "video.mp4";
/// The still picture's name.
pub const POSTER_FILE: &str = "poster.jpg";

/// What is made of an original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// One file, and the still picture.
    File,
    /// An adaptive stream as well: see docs/adr/0018-adaptive-stream.md.
    FileAndStream,
}

/// Makes [`VIDEO_FILE`], [`POSTER_FILE`] and what else `outputs` says in `folder` from what is in
/// `original`, and says now and then how much of it is done, in percent.
///
/// # Errors
/// A [`Failure`] that says whether the file is to blame.
pub fn transcode(
    original: File,
    folder: &Path,
    outputs: Outputs,
    mut progress: impl FnMut(u8),
) -> Result<Finished, Failure> {
    ffmpeg_next::init()?;
    // What FFmpeg has to say about a stranger's file may quote it.
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    let Opened { mut source, picture, sound, clock, length } = Source::open(original)?;
    let mut said = 0;
    let mut picture = Picture::new(picture, clock, outputs);
    let mut sound = sound.map(|sound| Sound::new(sound, clock));
    while !(picture.is_done() && sound.as_ref().is_none_or(Sound::is_done)) {
        let Some(packet) = source.next_packet() else { break };
        if packet.stream() == picture.stream() {
            picture.take(&packet)?;
            let percent = percent(picture.reached(), length);
            if percent > said {
                said = percent;
                progress(percent);
            }
        } else if let Some(sound) = sound.as_mut().filter(|sound| sound.stream() == packet.stream())
        {
            sound.take(&packet)?;
        }
    }
    finish(picture, sound, outputs, folder)
}

/// Never 100: what is decoded has still to be written.
fn percent(reached: i64, length: i64) -> u8 {
    u8::try_from(reached.max(0) * 100 / length.max(1)).unwrap_or(99).min(99)
}

fn finish(
    picture: Picture,
    sound: Option<Sound>,
    outputs: Outputs,
    folder: &Path,
) -> Result<Finished, Failure> {
    let mut picture = picture.finish()?;
    let mut sound = sound.map(Sound::finish).transpose()?.flatten();
    let sound_ends = sound.as_ref().map_or(0, sound::Encoded::end);
    let (picture_ends, size) = (picture.schedule.end(), picture.full.size);
    let poster = std::mem::take(&mut picture.poster).into_jpeg()?;
    fs::write(folder.join(POSTER_FILE), poster).map_err(|error| Failure::of_disk(&error))?;
    let video = folder.join(VIDEO_FILE);
    mux::time(&mut picture.full, &picture.schedule);
    mux::write(&video, Layout::Whole, &mut picture.full, sound.as_mut())?;
    let bytes = fs::metadata(&video).map_err(|error| Failure::of_disk(&error))?.len();
    Ok(Finished {
        duration_ms: u64::try_from(picture_ends.max(sound_ends) * 1000 / TICKS).unwrap_or(0),
        width: size.width,
        height: size.height,
        bytes,
        cpu_ms: 0,
        has_sound: sound.is_some(),
        variants: match outputs {
            Outputs::File => Vec::new(),
            Outputs::FileAndStream => variants(picture, sound, folder)?,
        },
    })
}

/// The adaptive stream, the largest rendition first. That one is the picture of the whole file: it is
/// encoded once, and written twice.
fn variants(
    picture: picture::Encoded,
    mut sound: Option<sound::Encoded>,
    folder: &Path,
) -> Result<Vec<Variant>, Failure> {
    let picture::Encoded { mut full, mut smaller, segments, schedule, .. } = picture;
    smaller.iter_mut().for_each(|rendition| mux::time(rendition, &schedule));
    let renditions = std::iter::once(&mut full).chain(&mut smaller);
    let written = renditions.map(|rendition| {
        stream::write(folder, rendition, sound.as_mut(), segments.starts(), schedule.end())
    });
    written.collect()
}

/// What FFmpeg answers when it wants more input first, or has no more output.
pub(crate) fn or_not_yet(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Eof | Error::Other { errno: error::EAGAIN }) => Ok(false),
        Err(error) => Err(error),
    }
}
