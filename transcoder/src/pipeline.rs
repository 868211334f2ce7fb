//! The media pipeline: an untrusted file in; a video that every browser plays and a poster out.
//!
//! FFmpeg's libraries run in this process. The worker runs it in a child process inside the sandbox. No
//! input makes this code panic, and every failure has a reason.

mod adaptive_stream;
mod clock;
pub(crate) mod codec;
mod colour;
mod filter_chain;
mod geometry;
mod mux;
mod outputs;
mod picture;
mod poster;
mod rendition;
mod sniff;
mod sound;
mod source;
mod sys;
mod watermark;

use std::fs::{self, File};
use std::path::Path;

use self::clock::CLOCK_RATE;
use self::mux::Mp4Layout;
use self::picture::{EncodedPicture, PictureTranscoder};
use self::sound::{EncodedSound, SoundTranscoder};
use self::source::{OpenedSource, Source};
use crate::failure::Failure;
use crate::finished_video::{FinishedVideo, Variant};

pub use outputs::{Outputs, POSTER_FILE, VIDEO_FILE};

/// Makes [`VIDEO_FILE`], [`POSTER_FILE`] and the other `outputs` in `folder` from `original`. Calls
/// `progress` with a growing percentage below 100.
///
/// # Errors
/// [`Failure`]
pub fn transcode(
    original: File,
    folder: &Path,
    outputs: Outputs,
    mut progress: impl FnMut(u8),
) -> Result<FinishedVideo, Failure> {
    ffmpeg_next::init()?;
    // FFmpeg's messages may quote the untrusted file.
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    let OpenedSource { mut source, picture, sound, clock, duration } = Source::open(original)?;
    let mut reported = 0;
    let mut picture = PictureTranscoder::new(picture, clock, outputs);
    let mut sound = sound.map(|sound| SoundTranscoder::new(sound, clock));
    while !(picture.is_done() && sound.as_ref().is_none_or(SoundTranscoder::is_done)) {
        let Some(packet) = source.next_packet() else { break };
        if packet.stream() == picture.stream() {
            picture.take(&packet)?;
            let percent = percent(picture.reached(), duration);
            if percent > reported {
                reported = percent;
                progress(percent);
            }
        } else if let Some(sound) = sound.as_mut().filter(|sound| sound.stream() == packet.stream())
        {
            sound.take(&packet)?;
        }
    }
    finish(picture, sound, outputs, folder)
}

/// At most 99: the decoded packets must still be written.
fn percent(reached: i64, duration: i64) -> u8 {
    u8::try_from(reached.max(0) * 100 / duration.max(1)).unwrap_or(99).min(99)
}

fn finish(
    picture: PictureTranscoder,
    sound: Option<SoundTranscoder>,
    outputs: Outputs,
    folder: &Path,
) -> Result<FinishedVideo, Failure> {
    let mut picture = picture.finish()?;
    let mut sound = sound.map(SoundTranscoder::finish).transpose()?.flatten();
    let sound_ends = sound.as_ref().map_or(0, EncodedSound::end);
    let (picture_ends, size) = (picture.schedule.end(), picture.full.size);
    let poster = std::mem::take(&mut picture.poster).into_jpeg()?;
    fs::write(folder.join(POSTER_FILE), poster).map_err(Failure::of_disk)?;
    let video = folder.join(VIDEO_FILE);
    mux::set_durations(&mut picture.full, &picture.schedule);
    mux::write(&video, Mp4Layout::FastStart, &mut picture.full, sound.as_mut())?;
    let bytes = fs::metadata(&video).map_err(Failure::of_disk)?.len();
    Ok(FinishedVideo {
        duration_ms: u64::try_from(picture_ends.max(sound_ends) * 1000 / CLOCK_RATE).unwrap_or(0),
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

/// Writes the adaptive stream, largest rendition first. That one has the packets of the video file: it
/// is encoded once and written twice.
fn variants(
    picture: EncodedPicture,
    mut sound: Option<EncodedSound>,
    folder: &Path,
) -> Result<Vec<Variant>, Failure> {
    let EncodedPicture { mut full, mut smaller, segments, schedule, .. } = picture;
    smaller.iter_mut().for_each(|rendition| mux::set_durations(rendition, &schedule));
    let renditions = std::iter::once(&mut full).chain(&mut smaller);
    let written = renditions.map(|rendition| {
        let starts = segments.starts();
        adaptive_stream::write(folder, rendition, sound.as_mut(), starts, schedule.end())
    });
    written.collect()
}
