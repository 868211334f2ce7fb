//! Writing the finished file: both tracks, the index in front, nothing about where it came from.

use std::path::Path;

use ffmpeg_next::codec::Context;
use ffmpeg_next::format::context::Output;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, format};

use super::clock::{Schedule, TICK};
use super::{Failure, picture, sound};

/// One track, ready to be written.
struct Track {
    time_base: Rational,
    packets: std::iter::Peekable<std::vec::IntoIter<Packet>>,
}

/// Writes the file. All packets are known by now: so a file exists only if everything went well, and
/// a track only if there is something in it.
pub(super) fn write(
    path: &Path,
    picture: &picture::Encoded,
    packets: Vec<Packet>,
    sound: Option<sound::Encoded>,
) -> Result<(), Failure> {
    let mut output = format::output_as(path, "mp4")?;
    let mut tracks = vec![Track::new(TICK, timed(packets, &picture.schedule))];
    add_stream(&mut output, &picture.encoder, TICK)?;
    if let Some(sound) = sound {
        let time_base = sound.encoder.time_base();
        add_stream(&mut output, &sound.encoder, time_base)?;
        tracks.push(Track::new(time_base, sound.packets));
    }
    let mut options = Dictionary::new();
    options.set("movflags", "+faststart");
    output.write_header_with(options)?;
    while let Some(index) = earliest(&mut tracks) {
        write_next(&mut output, &mut tracks, index)?;
    }
    Ok(output.write_trailer()?)
}

impl Track {
    fn new(time_base: Rational, packets: Vec<Packet>) -> Self {
        Self { time_base, packets: packets.into_iter().peekable() }
    }
}

/// The encoder does not know how long frames last; the schedule does.
fn timed(mut packets: Vec<Packet>, schedule: &Schedule) -> Vec<Packet> {
    for packet in &mut packets {
        if let Some(time) = packet.pts() {
            packet.set_duration(schedule.duration_at(time));
        }
    }
    packets
}

fn add_stream(
    output: &mut Output,
    encoder: &impl AsRef<Context>,
    time_base: Rational,
) -> Result<(), Error> {
    let mut stream = output.add_stream_with(encoder.as_ref())?;
    stream.set_time_base(time_base);
    Ok(())
}

/// The track whose next packet comes first in time.
fn earliest(tracks: &mut [Track]) -> Option<usize> {
    let seconds = |track: &mut Track| {
        let time = track.packets.peek()?.dts().unwrap_or(0);
        Some(time as f64 * f64::from(track.time_base))
    };
    let times = tracks.iter_mut().map(seconds).enumerate();
    times
        .filter_map(|(index, time)| Some((index, time?)))
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(index, _)| index)
}

fn write_next(output: &mut Output, tracks: &mut [Track], index: usize) -> Result<(), Error> {
    let track = tracks.get_mut(index).ok_or(Error::Bug)?;
    let Some(mut packet) = track.packets.next() else { return Ok(()) };
    let time_base = output.stream(index).ok_or(Error::Bug)?.time_base();
    packet.set_stream(index);
    packet.rescale_ts(track.time_base, time_base);
    packet.write_interleaved(output)
}
