//! Opens an untrusted file: one forced demuxer, decoders from an allowlist, and limits that are checked
//! before decoding.

use std::fs::File;

use domain::container::ContainerFamily;
use domain::event::FailureReason;
use ffmpeg_next::codec::{Context, Id, decoder, packet};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::{Disposition, Stream};
use ffmpeg_next::{Dictionary, Error, Packet, Rational, Rescale, error, media, rescale};

use super::clock::{CLOCK_RATE, CUT, Clock, TICK};
use super::codec::FrameDecoder;
use super::geometry::Orientation;
use super::{sniff, sys};
use crate::failure::Failure;

/// Largest picture: 8K video has 33 million pixels.
const MAX_PIXELS: i64 = 8192 * 4608;
/// Most streams of a file. Telephones write about six: picture, sound, sensor data.
const MAX_STREAMS: u32 = 32;
/// Longest declared duration, in ticks. A longer one is an error in the file or an attack.
const MAX_DURATION: i64 = 6 * 60 * 60 * CLOCK_RATE;
/// Limits of what FFmpeg reads to identify the streams.
const PROBE_BYTES: &str = "5000000";
const PROBE_MICROSECONDS: &str = "5000000";
/// Invalid packets in a row that end the file.
const MAX_INVALID_PACKETS: u32 = 100;

/// The allowed decoders: what cameras, telephones and editors write.
const DECODERS: &str = "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1,mpeg4,\
    msmpeg4,msmpeg4v2,mpeg1video,mpeg2video,h263,mjpeg,prores,dnxhd,ffv1,theora,rawvideo,\
    aac,aac_latm,mp3,mp3float,mp2,mp2float,ac3,eac3,opus,libopus,vorbis,libvorbis,flac,alac,\
    amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,\
    pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,\
    pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw";

/// The packets of an opened file.
pub(super) struct Source {
    input: Input,
    invalid_packets: u32,
}

/// An opened source and its selected streams.
pub(super) struct OpenedSource {
    pub(super) source: Source,
    pub(super) picture: PictureStream,
    pub(super) sound: Option<SoundStream>,
    pub(super) clock: Clock,
    /// The expected duration of the finished video, in ticks.
    pub(super) duration: i64,
}

/// The selected video stream.
pub(super) struct PictureStream {
    pub(super) index: usize,
    pub(super) time_base: Rational,
    pub(super) frame_rate: f64,
    pub(super) orientation: Orientation,
    pub(super) pixel_aspect: f64,
    pub(super) decoder: FrameDecoder,
}

/// The selected audio stream.
pub(super) struct SoundStream {
    pub(super) index: usize,
    pub(super) time_base: Rational,
    pub(super) decoder: FrameDecoder,
}

impl Source {
    pub(super) fn open(mut file: File) -> Result<OpenedSource, Failure> {
        let family = sniff::family_of(&mut file)?;
        let mut input = open(file, family)?;
        // The limits hold for the headers, and again for what the first packets declare.
        check(&input)?;
        sys::find_stream_info(&mut input, &decoder_options())
            .map_err(|error| Failure::of_source("the streams cannot be read", error))?;
        check(&input)?;
        let index = picture_index(&input)
            .ok_or_else(|| Failure::new(FailureReason::NoVideoStream, "no picture"))?;
        let pixel_aspect = sys::pixel_aspect(&mut input, index);
        let picture = match input.stream(index) {
            Some(stream) => PictureStream::open(&stream, pixel_aspect)?,
            None => return Err(Failure::new(FailureReason::NoVideoStream, "no picture")),
        };
        let sound = match input.streams().best(media::Type::Audio) {
            Some(stream) if has_content(&stream) => Some(SoundStream::open(&stream)?),
            _ => None,
        };
        let starts: Vec<_> = [Some(picture.index), sound.as_ref().map(|sound| sound.index)]
            .into_iter()
            .flatten()
            .filter_map(|index| input.stream(index))
            .map(|stream| (known(stream.start_time()), stream.time_base()))
            .collect();
        let clock = Clock::starting_at(&starts);
        let duration = Some(declared_duration(&input)).filter(|duration| *duration > 0);
        let duration = duration.map_or(CUT, |duration| duration.min(CUT));
        let source = Self { input, invalid_packets: 0 };
        Ok(OpenedSource { source, picture, sound, clock, duration })
    }

    /// The next packet of any stream. `None`: the end of the file or of its readable part.
    pub(super) fn next_packet(&mut self) -> Option<Packet> {
        let mut packet = Packet::empty();
        while self.invalid_packets < MAX_INVALID_PACKETS {
            match packet.read(&mut self.input) {
                Ok(()) => {
                    self.invalid_packets = 0;
                    return Some(packet);
                }
                Err(Error::InvalidData) => self.invalid_packets += 1,
                Err(_) => return None,
            }
        }
        None
    }
}

fn open(file: File, family: ContainerFamily) -> Result<Input, Failure> {
    let (demuxer, name) = sniff::demuxer(family);
    let mut options = Dictionary::new();
    options.set("format_whitelist", name);
    options.set("codec_whitelist", DECODERS);
    // No protocol has this name: the source can't refer to other files.
    options.set("protocol_whitelist", "none");
    options.set("enable_drefs", "0");
    options.set("probesize", PROBE_BYTES);
    options.set("analyzeduration", PROBE_MICROSECONDS);
    sys::open(file, demuxer, options).map_err(|error| match error {
        // The headers determine the size of the allocation: the file causes this failure.
        Error::Other { errno: error::ENOMEM } => {
            Failure::new(FailureReason::TooLarge, "the headers claim more than there is room for")
        }
        error => Failure::of_source("the container cannot be read", error),
    })
}

/// Checks the declared sizes against the limits.
fn check(input: &Input) -> Result<(), Failure> {
    let streams = input.nb_streams();
    if streams > MAX_STREAMS {
        return Err(Failure::new(FailureReason::TooManyStreams, format!("{streams} streams")));
    }
    for stream in input.streams() {
        let (width, height) = sys::declared_size(&stream);
        if i64::from(width) * i64::from(height) > MAX_PIXELS {
            let size = format!("{width} by {height} pixels");
            return Err(Failure::new(FailureReason::TooManyPixels, size));
        }
    }
    let duration = declared_duration(input);
    if duration > MAX_DURATION {
        return Err(Failure::new(FailureReason::TooLong, format!("{} s", duration / CLOCK_RATE)));
    }
    Ok(())
}

/// The container's declared duration, in ticks; 0 or less if unknown.
fn declared_duration(input: &Input) -> i64 {
    known(input.duration()).map_or(0, |duration| duration.rescale(rescale::TIME_BASE, TICK))
}

/// The options of every decoder.
fn decoder_options() -> [(&'static str, String); 2] {
    [("codec_whitelist", DECODERS.to_owned()), ("max_pixels", MAX_PIXELS.to_string())]
}

/// The video stream that FFmpeg ranks first, but never an attached cover picture.
fn picture_index(input: &Input) -> Option<usize> {
    let is_video = |stream: &Stream<'_>| {
        stream.parameters().medium() == media::Type::Video
            && !stream.disposition().contains(Disposition::ATTACHED_PIC)
    };
    let best = input.streams().best(media::Type::Video).filter(is_video);
    best.or_else(|| input.streams().find(is_video)).map(|stream| stream.index())
}

/// Whether an audio track has a codec and packets. Some telephones write an empty track when the
/// microphone is not allowed.
fn has_content(stream: &Stream<'_>) -> bool {
    stream.parameters().id() != Id::None && stream.duration() != 0
}

impl PictureStream {
    fn open(stream: &Stream<'_>, pixel_aspect: Rational) -> Result<Self, Failure> {
        let decoder = decoder_for(stream)?.and_then(|opened| opened.video());
        let matrix =
            stream.side_data().find(|data| data.kind() == packet::side_data::Type::DisplayMatrix);
        Ok(Self {
            index: stream.index(),
            time_base: stream.time_base(),
            frame_rate: f64::from(stream.avg_frame_rate()),
            orientation: matrix
                .and_then(|data| Orientation::from_display_matrix(data.data()))
                .unwrap_or(Orientation::Upright),
            pixel_aspect: match pixel_aspect {
                Rational(width, height) if width > 0 && height > 0 => f64::from(pixel_aspect),
                _ => 1.0,
            },
            decoder: decoder
                .map(|decoder| FrameDecoder::new(decoder.0))
                .map_err(|error| Failure::of_source("the picture's codec", error))?,
        })
    }
}

impl SoundStream {
    fn open(stream: &Stream<'_>) -> Result<Self, Failure> {
        let decoder = decoder_for(stream)?.and_then(|opened| opened.audio());
        Ok(Self {
            index: stream.index(),
            time_base: stream.time_base(),
            decoder: decoder
                .map(|decoder| FrameDecoder::new(decoder.0))
                .map_err(|error| Failure::of_source("the sound's codec", error))?,
        })
    }
}

/// Opens the decoder of a stream. The inner error is FFmpeg's.
fn decoder_for(stream: &Stream<'_>) -> Result<Result<decoder::Opened, Error>, Failure> {
    let parameters = stream.parameters();
    let id = parameters.id();
    let unsupported =
        || Failure::new(FailureReason::UnsupportedFormat, format!("no decoder for {id:?}"));
    let codec = decoder::find(id).ok_or_else(unsupported)?;
    if !DECODERS.split(',').any(|name| name.trim() == codec.name()) {
        return Err(unsupported());
    }
    let context = Context::from_parameters(parameters)
        .map_err(|error| Failure::of_source("the codec's parameters", error))?;
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(stream.time_base());
    let mut options: Dictionary<'_> =
        decoder_options().iter().map(|(name, value)| (*name, value.as_str())).collect();
    options.set("threads", "auto");
    Ok(decoder.open_as_with(codec, options))
}

fn known(time: i64) -> Option<i64> {
    (time != ffmpeg_next::ffi::AV_NOPTS_VALUE).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoder_allowlist_has_no_spaces_and_names_existing_decoders() {
        ffmpeg_next::init().unwrap();
        assert!(!DECODERS.contains(' '), "{DECODERS}");
        for name in ["h264", "hevc", "vp9", "aac", "opus", "pcm_s16le"] {
            assert!(DECODERS.split(',').any(|known| known == name), "{name}");
            assert!(decoder::find_by_name(name).is_some(), "{name}");
        }
    }
}
