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
mod sniff;
mod sound;
mod source;
mod sys;
mod watermark;

use std::fs::{self, File};
use std::path::Path;

use ffmpeg_next::{Error, error};

use crate::report::{Failure, Finished};
use picture::Picture;
use sound::Sound;
use source::{Opened, Source};

/// The finished video's name in the folder of the job.
pub const VIDEO_FILE: &str = "video.mp4";
/// The still picture's name.
pub const POSTER_FILE: &str = "poster.jpg";

/// Makes [`VIDEO_FILE`] and [`POSTER_FILE`] in `folder` from what is in `original`, and says now and
/// then how much of it is done, in percent.
///
/// # Errors
/// A [`Failure`] that says whether the file is to blame.
pub fn transcode(
    original: File,
    folder: &Path,
    mut progress: impl FnMut(u8),
) -> Result<Finished, Failure> {
    ffmpeg_next::init()?;
    // What FFmpeg has to say about a stranger's file may quote it.
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    let Opened { mut source, picture, sound, clock, length } = Source::open(original)?;
    let mut said = 0;
    let mut picture = Picture::new(picture, clock);
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
    finish(picture, sound, folder)
}

/// Never 100: what is decoded has still to be written.
fn percent(reached: i64, length: i64) -> u8 {
    u8::try_from(reached.max(0) * 100 / length.max(1)).unwrap_or(99).min(99)
}

fn finish(picture: Picture, sound: Option<Sound>, folder: &Path) -> Result<Finished, Failure> {
    let mut picture = picture.finish()?;
    let sound = sound.map(Sound::finish).transpose()?.flatten();
    let sound_ends = sound.as_ref().map_or(0, sound::Encoded::end);
    let ends = picture.schedule.end().max(sound_ends);
    let poster = std::mem::take(&mut picture.poster).into_jpeg()?;
    let packets = std::mem::take(&mut picture.packets);
    let video = folder.join(VIDEO_FILE);
    mux::write(&video, &picture, packets, sound)?;
    fs::write(folder.join(POSTER_FILE), poster).map_err(|error| Failure::of_disk(&error))?;
    let bytes = fs::metadata(&video).map_err(|error| Failure::of_disk(&error))?.len();
    Ok(Finished {
        duration_ms: u64::try_from(ends * 1000 / clock::TICKS).unwrap_or(0),
        width: picture.size.width,
        height: picture.size.height,
        bytes,
        cpu_ms: 0,
    })
}

/// What FFmpeg answers when it wants more input first, or has no more output.
pub(crate) fn or_not_yet(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Eof | Error::Other { errno: error::EAGAIN }) => Ok(false),
        Err(error) => Err(error),
    }
}
