//! Writing finished files: both tracks, nothing about where they came from.

use std::path::Path;

use ffmpeg_next::codec::Context;
use ffmpeg_next::format::context::Output;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, format};

use super::clock::{Schedule, TICK};
use super::rendition::Rendition;
use super::{Failure, sound, sys};

/// How a file is laid out.
#[derive(Clone, Copy)]
pub(super) enum Layout<'a> {
    /// The index in front: it plays while it loads.
    Whole,
    /// In fragments that can be fetched one by one; each begins with the frame that is shown at one of
    /// these times.
    Fragments(&'a [i64]),
}

/// One track, ready to be written.
struct Track<'a> {
    encoder: &'a Context,
    time_base: Rational,
    packets: &'a mut [Packet],
    written: usize,
}

/// Writes a file. All packets are known by now: so a file exists only if everything went well, and a
/// track only if there is something in it.
pub(super) fn write(
    path: &Path,
    layout: Layout<'_>,
    picture: &mut Rendition,
    sound: Option<&mut sound::Encoded>,
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
        let is_cut = |start: &&i64| index == 0 && tracks[0].next_shown() == Some(**start);
        if cuts.next_if(is_cut).is_some() {
            sys::end_fragment(&mut output)?;
        }
        write_next(&mut output, &mut tracks, index)?;
    }
    if matches!(layout, Layout::Fragments(_)) {
        sys::end_fragment(&mut output)?;
    }
    Ok(output.write_trailer()?)
}

/// The encoder does not know how long frames last; the schedule does.
pub(super) fn time(picture: &mut Rendition, schedule: &Schedule) {
    for packet in &mut picture.packets {
        if let Some(time) = packet.pts() {
            packet.set_duration(schedule.duration_at(time));
        }
    }
}

impl<'a> Layout<'a> {
    fn flags(self) -> &'static str {
        match self {
            Self::Whole => "+faststart",
            // The header waits for the first packets, because it tells how far they are shifted.
            Self::Fragments(_) => "+frag_custom+delay_moov+default_base_moof+skip_trailer",
        }
    }

    /// Where a new fragment begins: not at the first frame.
    fn cuts(self) -> &'a [i64] {
        match self {
            Self::Whole => &[],
            Self::Fragments(starts) => starts.get(1..).unwrap_or_default(),
        }
    }
}

impl<'a> Track<'a> {
    fn new(encoder: &'a Context, time_base: Rational, packets: &'a mut [Packet]) -> Self {
        Self { encoder, time_base, packets, written: 0 }
    }

    fn next_shown(&self) -> Option<i64> {
        self.packets.get(self.written)?.pts()
    }

    /// When its next packet must be read, in seconds.
    fn next_read(&self) -> Option<f64> {
        let time = self.packets.get(self.written)?.dts().unwrap_or(0);
        Some(time as f64 * f64::from(self.time_base))
    }
}

/// The track whose next packet comes first in time.
fn earliest(tracks: &[Track<'_>]) -> Option<usize> {
    let times = tracks.iter().enumerate();
    times
        .filter_map(|(index, track)| Some((index, track.next_read()?)))
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
    // It may go into another file, too.
    packet.rescale_ts(time_base, track.time_base);
    Ok(())
}
