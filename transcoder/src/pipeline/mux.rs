//! Writes MP4 files with both tracks and without metadata of the source.

use std::path::Path;

use ffmpeg_next::codec::Context;
use ffmpeg_next::format::context::Output;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, format};

use super::clock::{Schedule, TICK};
use super::rendition::Rendition;
use super::sound::EncodedSound;
use super::sys;
use crate::failure::Failure;

/// The layout of an MP4 file.
#[derive(Clone, Copy)]
pub(super) enum Mp4Layout<'a> {
    /// The index comes first: a player starts while it downloads.
    FastStart,
    /// In fragments that a player can fetch one by one. Each starts with the frame at one of these times.
    Fragmented(&'a [i64]),
}

/// One track and how much of it is written.
struct Track<'a> {
    encoder: &'a Context,
    time_base: Rational,
    packets: &'a mut [Packet],
    written: usize,
}

/// Writes a file. All packets are complete by now: a file exists only after a success, and a track only
/// if it has packets.
pub(super) fn write(
    path: &Path,
    layout: Mp4Layout<'_>,
    picture: &mut Rendition,
    sound: Option<&mut EncodedSound>,
) -> Result<(), Failure> {
    let mut tracks = vec![Track::new(picture.encoder.as_ref(), TICK, &mut picture.packets)];
    if let Some(sound) = sound {
        let time_base = sound.encoder.time_base();
        tracks.push(Track::new(sound.encoder.as_ref(), time_base, &mut sound.packets));
    }
    let mut output = format::output_as(path, "mp4")?;
    for track in &tracks {
        output.add_stream_with(track.encoder)?.set_time_base(track.time_base);
    }
    let mut options = Dictionary::new();
    options.set("movflags", layout.flags());
    output.write_header_with(options)?;
    let mut cuts = layout.cuts().iter().peekable();
    while let Some(index) = earliest(&tracks) {
        let is_cut = |start: &&i64| index == 0 && tracks[0].next_pts() == Some(**start);
        if cuts.next_if(is_cut).is_some() {
            sys::end_fragment(&mut output)?;
        }
        write_next(&mut output, &mut tracks, index)?;
    }
    if matches!(layout, Mp4Layout::Fragmented(_)) {
        sys::end_fragment(&mut output)?;
    }
    Ok(output.write_trailer()?)
}

/// Sets the duration of each packet: the encoder does not know it, the schedule does.
pub(super) fn set_durations(picture: &mut Rendition, schedule: &Schedule) {
    for packet in &mut picture.packets {
        if let Some(time) = packet.pts() {
            packet.set_duration(schedule.duration_at(time));
        }
    }
}

impl<'a> Mp4Layout<'a> {
    fn flags(self) -> &'static str {
        match self {
            Self::FastStart => "+faststart",
            // `delay_moov`: the header contains the shift of the first packets.
            Self::Fragmented(_) => "+frag_custom+delay_moov+default_base_moof+skip_trailer",
        }
    }

    /// The times at which a further fragment starts.
    fn cuts(self) -> &'a [i64] {
        match self {
            Self::FastStart => &[],
            Self::Fragmented(starts) => starts.get(1..).unwrap_or_default(),
        }
    }
}

impl<'a> Track<'a> {
    fn new(encoder: &'a Context, time_base: Rational, packets: &'a mut [Packet]) -> Self {
        Self { encoder, time_base, packets, written: 0 }
    }

    fn next_pts(&self) -> Option<i64> {
        self.packets.get(self.written)?.pts()
    }

    /// The decoding time of the next packet, in seconds.
    fn next_dts(&self) -> Option<f64> {
        let time = self.packets.get(self.written)?.dts().unwrap_or(0);
        Some(time as f64 * f64::from(self.time_base))
    }
}

/// The track with the earliest next packet.
fn earliest(tracks: &[Track<'_>]) -> Option<usize> {
    let times = tracks.iter().enumerate();
    times
        .filter_map(|(index, track)| Some((index, track.next_dts()?)))
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(index, _)| index)
}

fn write_next(output: &mut Output, tracks: &mut [Track<'_>], index: usize) -> Result<(), Error> {
    let track = tracks.get_mut(index).ok_or(Error::Bug)?;
    let packet = track.packets.get_mut(track.written).ok_or(Error::Bug)?;
    track.written += 1;
    let time_base = output.stream(index).ok_or(Error::Bug)?.time_base();
    packet.set_stream(index);
    packet.rescale_ts(track.time_base, time_base);
    packet.write(output)?;
    // The packet may be written to a second file.
    packet.rescale_ts(time_base, track.time_base);
    Ok(())
}
