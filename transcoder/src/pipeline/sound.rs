//! The sound: decoded, synchronised with the picture, encoded.

use ffmpeg_next::codec::{self, Context, encoder};
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::{ChannelLayout, Dictionary, Error, Packet, Rational, Rescale, frame};

use super::clock::{CLOCK_RATE, CUT, Clock, TICK};
use super::codec::receive_packets;
use super::filter_chain::{FilterChain, FilterChainSpec};
use super::source::SoundStream;
use crate::failure::Failure;

/// Bits per second.
const BIT_RATE: usize = 128_000;

/// Transcodes the sound, packet by packet.
pub(super) struct SoundTranscoder {
    stream: SoundStream,
    clock: Clock,
    encoding: Option<Encoding>,
    packets: Vec<Packet>,
    /// The time of the next frame if the frame itself has none, in ticks.
    next_time: i64,
    done: bool,
}

struct Encoding {
    chain: FilterChain,
    /// The input format of the chain.
    format: SoundFormat,
    encoder: encoder::audio::Encoder,
}

/// The format of decoded frames. A source may change it in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SoundFormat {
    rate: u32,
    sample: Sample,
    channels: u16,
    layout: ChannelLayout,
}

/// The encoded sound.
pub(super) struct EncodedSound {
    pub(super) encoder: encoder::audio::Encoder,
    pub(super) packets: Vec<Packet>,
}

impl EncodedSound {
    /// When the sound ends, in ticks.
    pub(super) fn end(&self) -> i64 {
        let ends = self.packets.iter().filter_map(|packet| Some(packet.pts()? + packet.duration()));
        ends.max().unwrap_or(0).rescale(self.encoder.time_base(), TICK)
    }
}

impl SoundTranscoder {
    pub(super) fn new(stream: SoundStream, clock: Clock) -> Self {
        let packets = Vec::new();
        Self { stream, clock, encoding: None, packets, next_time: 0, done: false }
    }

    /// The stream's index in the source.
    pub(super) fn stream(&self) -> usize {
        self.stream.index
    }

    /// Whether everything before the cut is decoded.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn take(&mut self, packet: &Packet) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        self.stream.decoder.send(packet);
        self.decode()
    }

    /// Ends the sound. `None`: no frame was decoded.
    pub(super) fn finish(mut self) -> Result<Option<EncodedSound>, Failure> {
        if !self.done && self.stream.decoder.send_end() {
            self.decode()?;
        }
        self.stream.decoder.check()?;
        let Some(mut encoding) = self.encoding.take() else { return Ok(None) };
        encoding.chain.send_end()?;
        encoding.encode_filtered(&mut self.packets)?;
        encoding.encoder.send_eof()?;
        receive_packets(&mut encoding.encoder, &mut self.packets)?;
        Ok(Some(EncodedSound { encoder: encoding.encoder, packets: self.packets }))
    }

    fn decode(&mut self) -> Result<(), Failure> {
        let mut frame = frame::Audio::empty();
        // `ENOMEM` counts as a broken frame here: the picture is published without it.
        while !self.done && self.stream.decoder.receive(&mut frame).unwrap_or(false) {
            self.encode(&mut frame)?;
        }
        Ok(())
    }

    fn encode(&mut self, frame: &mut frame::Audio) -> Result<(), Failure> {
        let Some(format) = SoundFormat::of(frame) else {
            self.stream.decoder.broken += 1;
            return Ok(());
        };
        let time = frame.timestamp().map(|time| self.clock.ticks(time, self.stream.time_base));
        let time = time.unwrap_or(self.next_time);
        if time >= CUT {
            self.done = true;
            return Ok(());
        }
        let sample = Rational(1, format.rate as i32);
        let duration = (frame.samples() as i64).rescale(sample, TICK);
        self.next_time = time.saturating_add(duration);
        frame.set_pts(Some(time.rescale(TICK, sample)));
        let encoding = match &mut self.encoding {
            Some(encoding) if encoding.format == format => encoding,
            Some(encoding) => {
                encoding.change_format(format, time, &mut self.packets)?;
                encoding
            }
            empty => empty.insert(Encoding::open(format)?),
        };
        self.done = !encoding.chain.send(frame)?;
        encoding.encode_filtered(&mut self.packets)
    }
}

impl SoundFormat {
    /// `None`: a frame that cannot be played.
    fn of(frame: &mut frame::Audio) -> Option<Self> {
        let (rate, channels) = (frame.rate(), frame.channels());
        if !(1000..=384_000).contains(&rate) || !(1..=64).contains(&channels) {
            return None;
        }
        let count = i32::from(channels);
        if frame.channel_layout().channels() != count {
            let usual = ChannelLayout::default(count);
            if usual.channels() != count {
                return None; // No standard layout has this number of channels.
            }
            frame.set_channel_layout(usual);
        }
        Some(Self { rate, sample: frame.format(), channels, layout: frame.channel_layout() })
    }

    fn finished_layout(self) -> ChannelLayout {
        if self.channels == 1 { ChannelLayout::MONO } else { ChannelLayout::STEREO }
    }

    /// The two sample rates that every player supports. Multiples of 11,025 Hz become 44,100 Hz.
    fn finished_rate(self) -> u32 {
        if self.rate.is_multiple_of(11_025) { 44_100 } else { 48_000 }
    }
}

impl Encoding {
    fn open(format: SoundFormat) -> Result<Self, Failure> {
        let encoder = open_encoder(format.finished_rate(), format.finished_layout())?;
        let chain = filter_chain(format, &encoder, 0)?;
        Ok(Self { chain, format, encoder })
    }

    /// Replaces the filters from `time` on, in ticks.
    fn change_format(
        &mut self,
        format: SoundFormat,
        time: i64,
        packets: &mut Vec<Packet>,
    ) -> Result<(), Failure> {
        self.chain.send_end()?;
        self.encode_filtered(packets)?;
        self.chain = filter_chain(format, &self.encoder, time.max(0))?;
        self.format = format;
        Ok(())
    }

    /// Encodes the frames that the filters have finished.
    fn encode_filtered(&mut self, packets: &mut Vec<Packet>) -> Result<(), Failure> {
        let mut frame = frame::Audio::empty();
        let base = self.chain.time_base()?;
        while self.chain.receive(&mut frame)? {
            let time = frame.pts().map(|time| time.rescale(base, self.encoder.time_base()));
            frame.set_pts(time);
            self.encoder.send_frame(&frame)?;
            receive_packets(&mut self.encoder, packets)?;
        }
        Ok(())
    }
}

/// Fills gaps and a late start with silence and cuts overlaps, wherever sound and clock differ by more
/// than 20 ms. A player that ignores the times stays in sync. Then mixes down and cuts.
fn filter_chain(
    format: SoundFormat,
    encoder: &encoder::audio::Encoder,
    from: i64,
) -> Result<FilterChain, Failure> {
    let rate = encoder.rate();
    let first = from.rescale(TICK, Rational(1, rate as i32));
    let filters = format!(
        "[in]aresample={rate}:async=1:min_hard_comp=0.02:first_pts={first},\
         aformat=sample_fmts=fltp:channel_layouts=0x{:x},atrim=end={}[out]",
        encoder.channel_layout().bits(),
        CUT / CLOCK_RATE,
    );
    let frames = format!(
        "time_base=1/{0}:sample_rate={0}:sample_fmt={1}:channel_layout=0x{2:x}",
        format.rate,
        format.sample.name(),
        format.layout.bits(),
    );
    let (source, sink) = ("abuffer", "abuffersink");
    let spec = FilterChainSpec { source, frames, sink, filters, watermark: None };
    let mut chain = FilterChain::new(spec)?;
    chain.set_frame_size(encoder.frame_size())?;
    Ok(chain)
}

fn open_encoder(rate: u32, layout: ChannelLayout) -> Result<encoder::audio::Encoder, Failure> {
    let codec = encoder::find_by_name("aac").ok_or(Error::EncoderNotFound)?;
    let mut encoder = Context::new_with_codec(codec).encoder().audio()?;
    encoder.set_rate(rate as i32);
    encoder.set_channel_layout(layout);
    encoder.set_channels(layout.channels());
    encoder.set_format(Sample::F32(Type::Planar));
    encoder.set_bit_rate(BIT_RATE);
    encoder.set_time_base(Rational(1, rate as i32));
    encoder.set_flags(codec::Flags::GLOBAL_HEADER);
    Ok(encoder.open_as_with(codec, Dictionary::new())?)
}
