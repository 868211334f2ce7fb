//! Generated clips that `anb demo` uploads. They are made here because this crate links FFmpeg.

use std::path::Path;

use ffmpeg_next::codec::{self, Context};
use ffmpeg_next::filter::{self, Graph};
use ffmpeg_next::format::context::Output;
use ffmpeg_next::format::{self, Pixel, Sample, sample::Type};
use ffmpeg_next::{ChannelLayout, Dictionary, Error, Frame, Packet, Rational, encoder, frame};

use crate::pipeline::codec::has_output;

/// Why a clip was not made.
#[derive(Debug, thiserror::Error)]
pub enum DemoClipError {
    /// FFmpeg failed.
    #[error("FFmpeg failed")]
    Ffmpeg(#[from] Error),
    /// A file operation failed.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

const SECONDS: u32 = 2;
const FRAME_RATE: i32 = 25;
const SAMPLE_RATE: i32 = 44_100;
const SINK: &str = "out";

/// An MP4 of two seconds with picture and sound. The `number` sets colour and pitch.
///
/// # Errors
/// [`DemoClipError`]
pub fn render(number: u32) -> Result<Vec<u8>, DemoClipError> {
    ffmpeg_next::init()?;
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Error);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("clip.mp4");
    write(&path, number)?;
    Ok(std::fs::read(path)?)
}

fn write(path: &Path, number: u32) -> Result<(), Error> {
    let mut output = format::output_as(path, "mp4")?;
    let mut picture = picture_encoder()?;
    let mut sound = sound_encoder()?;
    output.add_stream_with(picture.as_ref())?.set_time_base(Rational(1, FRAME_RATE));
    output.add_stream_with(sound.as_ref())?.set_time_base(Rational(1, SAMPLE_RATE));
    output.write_header()?;

    let hue = number * 60 % 360;
    let filters = format!(
        "testsrc2=size=640x360:rate={FRAME_RATE}:duration={SECONDS},hue=h={hue},format=yuv420p"
    );
    let mut frames = GeneratedFrames::of("buffersink", &filters)?;
    let mut frame = frame::Video::empty();
    while frames.next(&mut frame)? {
        picture.send_frame(&frame)?;
        drain(&mut output, 0, Rational(1, FRAME_RATE), |packet| picture.receive_packet(packet))?;
    }
    picture.send_eof()?;
    drain(&mut output, 0, Rational(1, FRAME_RATE), |packet| picture.receive_packet(packet))?;

    let pitch = 220 + 55 * (number % 12);
    let filters = format!(
        "sine=frequency={pitch}:sample_rate={SAMPLE_RATE}:duration={SECONDS},\
         aformat=sample_fmts=fltp:channel_layouts=mono"
    );
    let mut frames = GeneratedFrames::of("abuffersink", &filters)?;
    frames.set_size(sound.frame_size())?;
    let mut frame = frame::Audio::empty();
    while frames.next(&mut frame)? {
        sound.send_frame(&frame)?;
        drain(&mut output, 1, Rational(1, SAMPLE_RATE), |packet| sound.receive_packet(packet))?;
    }
    sound.send_eof()?;
    drain(&mut output, 1, Rational(1, SAMPLE_RATE), |packet| sound.receive_packet(packet))?;
    output.write_trailer()
}

fn picture_encoder() -> Result<encoder::video::Encoder, Error> {
    let codec = encoder::find_by_name("libx264").ok_or(Error::EncoderNotFound)?;
    let mut encoder = Context::new_with_codec(codec).encoder().video()?;
    encoder.set_width(640);
    encoder.set_height(360);
    encoder.set_format(Pixel::YUV420P);
    encoder.set_time_base(Rational(1, FRAME_RATE));
    encoder.set_frame_rate(Some(Rational(FRAME_RATE, 1)));
    encoder.set_flags(codec::Flags::GLOBAL_HEADER);
    let options: Dictionary<'_> = [("preset", "ultrafast"), ("crf", "30")].iter().collect();
    encoder.open_as_with(codec, options)
}

fn sound_encoder() -> Result<encoder::audio::Encoder, Error> {
    let codec = encoder::find_by_name("aac").ok_or(Error::EncoderNotFound)?;
    let mut encoder = Context::new_with_codec(codec).encoder().audio()?;
    encoder.set_rate(SAMPLE_RATE);
    encoder.set_channel_layout(ChannelLayout::MONO);
    encoder.set_channels(1);
    encoder.set_format(Sample::F32(Type::Planar));
    encoder.set_bit_rate(64_000);
    encoder.set_time_base(Rational(1, SAMPLE_RATE));
    encoder.set_flags(codec::Flags::GLOBAL_HEADER);
    encoder.open_as_with(codec, Dictionary::new())
}

/// Frames of a filter graph without input.
struct GeneratedFrames(Graph);

impl GeneratedFrames {
    fn of(sink: &str, filters: &str) -> Result<Self, Error> {
        let mut graph = Graph::new();
        graph.add(&filter::find(sink).ok_or(Error::FilterNotFound)?, SINK, "")?;
        graph.input(SINK, 0)?.parse(&format!("{filters}[{SINK}]"))?;
        graph.validate()?;
        Ok(Self(graph))
    }

    fn set_size(&mut self, samples: u32) -> Result<(), Error> {
        self.0.get(SINK).ok_or(Error::Bug)?.sink().set_frame_size(samples);
        Ok(())
    }

    fn next(&mut self, frame: &mut Frame) -> Result<bool, Error> {
        has_output(self.0.get(SINK).ok_or(Error::Bug)?.sink().frame(frame))
    }
}

fn drain(
    output: &mut Output,
    stream: usize,
    time_base: Rational,
    mut receive: impl FnMut(&mut Packet) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut packet = Packet::empty();
    while has_output(receive(&mut packet))? {
        packet.set_stream(stream);
        packet.rescale_ts(time_base, output.stream(stream).ok_or(Error::Bug)?.time_base());
        packet.write_interleaved(output)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_lasts_two_seconds_and_each_number_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let bytes = render(3).unwrap();
        assert_ne!(bytes, render(4).unwrap());
        std::fs::write(&path, bytes).unwrap();
        let input = format::input(&path).unwrap();
        assert_eq!(input.streams().count(), 2);
        assert!((1_900_000..2_200_000).contains(&input.duration()), "{}", input.duration());
    }
}
