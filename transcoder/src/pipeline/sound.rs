//! The sound: decoded, brought into step with the picture, encoded.

use ffmpeg_next::codec::{self, Context, encoder};
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::{ChannelLayout, Dictionary, Error, Packet, Rational, Rescale, frame};

use super::clock::{CUT, Clock, TICK, TICKS};
use super::graph::{Chain, Parts};
use super::source::SoundStream;
use super::{Failure, or_not_yet};

const BIT_RATE: usize = 128_000;

/// The sound on its way.
pub(super) struct Sound {
    stream: SoundStream,
    clock: Clock,
    stage: Option<Stage>,
    packets: Vec<Packet>,
    /// Where the next frame is due that does not say when it is, in ticks.
    due: i64,
    decoded: u64,
    broken: u64,
    done: bool,
}

struct Stage {
    chain: Chain,
    fed: Fed,
    encoder: encoder::audio::Encoder,
}

/// What frames are like: a source may change it in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fed {
    rate: u32,
    format: Sample,
    channels: u16,
    layout: ChannelLayout,
}

/// The sound, encoded.
pub(super) struct Encoded {
    pub(super) encoder: encoder::audio::Encoder,
    pub(super) packets: Vec<Packet>,
}

impl Encoded {
    /// When the sound ends, in ticks.
    pub(super) fn end(&self) -> i64 {
        let ends = self.packets.iter().filter_map(|packet| Some(packet.pts()? + packet.duration()));
        ends.max().unwrap_or(0).rescale(self.encoder.time_base(), TICK)
    }
}

impl Sound {
    pub(super) fn new(stream: SoundStream, clock: Clock) -> Self {
        Self {
            stream,
            clock,
            stage: None,
            packets: Vec::new(),
            due: 0,
            decoded: 0,
            broken: 0,
            done: false,
        }
    }

    pub(super) fn stream(&self) -> usize {
        self.stream.index
    }

    /// Whether everything before the cut has been heard.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn take(&mut self, packet: &Packet) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        if self.stream.decoder.send_packet(packet).is_err() {
            self.broken += 1;
        }
        self.decode()
    }

    /// Ends the sound; `None` if there was nothing to be heard.
    pub(super) fn finish(mut self) -> Result<Option<Encoded>, Failure> {
        if !self.done && self.stream.decoder.send_eof().is_ok() {
            self.decode()?;
        }
        if self.broken > self.decoded {
            let counts = format!("{} audio frames decoded, {} broken", self.decoded, self.broken);
            return Err(Failure::undecodable(counts));
        }
        let Some(mut stage) = self.stage.take() else { return Ok(None) };
        stage.chain.finish()?;
        stage.encode_filtered(&mut self.packets)?;
        stage.encoder.send_eof()?;
        stage.collect(&mut self.packets)?;
        Ok(Some(Encoded { encoder: stage.encoder, packets: self.packets }))
    }

    fn decode(&mut self) -> Result<(), Failure> {
        let mut frame = frame::Audio::empty();
        while !self.done {
            match or_not_yet(self.stream.decoder.receive_frame(&mut frame)) {
                Ok(true) => self.hear(&mut frame)?,
                Ok(false) => return Ok(()),
                Err(_) => {
                    self.broken += 1;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn hear(&mut self, frame: &mut frame::Audio) -> Result<(), Failure> {
        self.decoded += 1;
        let Some(fed) = Fed::of(frame) else {
            self.broken += 1;
            return Ok(());
        };
        let time = frame.timestamp().map(|time| self.clock.ticks(time, self.stream.time_base));
        let time = time.unwrap_or(self.due);
        if time >= CUT {
            self.done = true;
            return Ok(());
        }
        let lasts = (frame.samples() as i64).rescale(Rational(1, fed.rate as i32), TICK);
        self.due = time.saturating_add(lasts);
        frame.set_pts(Some(time.rescale(TICK, Rational(1, fed.rate as i32))));
        let stage = match &mut self.stage {
            Some(stage) if stage.fed == fed => stage,
            Some(stage) => {
                stage.change(fed, time, &mut self.packets)?;
                stage
            }
            empty => empty.insert(Stage::open(fed)?),
        };
        self.done = !stage.chain.feed(frame)?;
        stage.encode_filtered(&mut self.packets)
    }
}

impl Fed {
    /// `None` if such a frame cannot be played.
    fn of(frame: &mut frame::Audio) -> Option<Self> {
        let (rate, channels) = (frame.rate(), frame.channels());
        if !(1000..=384_000).contains(&rate) || !(1..=64).contains(&channels) {
            return None;
        }
        let count = i32::from(channels);
        if frame.channel_layout().channels() != count {
            let usual = ChannelLayout::default(count);
            if usual.channels() != count {
                return None; // Nobody knows where so many loudspeakers stand.
            }
            frame.set_channel_layout(usual);
        }
        Some(Self { rate, format: frame.format(), channels, layout: frame.channel_layout() })
    }

    fn finished_layout(self) -> ChannelLayout {
        if self.channels == 1 { ChannelLayout::MONO } else { ChannelLayout::STEREO }
    }

    /// The two rates that everything plays; those of the CD's family stay in it.
    fn finished_rate(self) -> u32 {
        if self.rate.is_multiple_of(11_025) { 44_100 } else { 48_000 }
    }
}

impl Stage {
    fn open(fed: Fed) -> Result<Self, Failure> {
        let encoder = open_encoder(fed.finished_rate(), fed.finished_layout())?;
        let chain = chain(fed, &encoder, 0)?;
        Ok(Self { chain, fed, encoder })
    }

    /// Goes on with frames of another kind from `time` on.
    fn change(&mut self, fed: Fed, time: i64, packets: &mut Vec<Packet>) -> Result<(), Failure> {
        self.chain.finish()?;
        self.encode_filtered(packets)?;
        self.chain = chain(fed, &self.encoder, time.max(0))?;
        self.fed = fed;
        Ok(())
    }

    fn encode_filtered(&mut self, packets: &mut Vec<Packet>) -> Result<(), Failure> {
        let mut frame = frame::Audio::empty();
        let base = self.chain.time_base()?;
        while self.chain.drain(&mut frame)? {
            let time = frame.pts().map(|time| time.rescale(base, self.encoder.time_base()));
            frame.set_pts(time);
            self.encoder.send_frame(&frame)?;
            self.collect(packets)?;
        }
        Ok(())
    }

    fn collect(&mut self, packets: &mut Vec<Packet>) -> Result<(), Failure> {
        loop {
            let mut packet = Packet::empty();
            if !or_not_yet(self.encoder.receive_packet(&mut packet))? {
                return Ok(());
            }
            packets.push(packet);
        }
    }
}

/// Fills gaps, a late beginning too, with silence, and cuts overlaps, wherever sound and clock differ
/// by more than 20 ms; so the sound can be played on without looking at its times. Then mixes down
/// and cuts.
fn chain(fed: Fed, encoder: &encoder::audio::Encoder, from: i64) -> Result<Chain, Failure> {
    let rate = encoder.rate();
    let first = from.rescale(TICK, Rational(1, rate as i32));
    let filters = format!(
        "[in]aresample={rate}:async=1:min_hard_comp=0.02:first_pts={first},\
         aformat=sample_fmts=fltp:channel_layouts=0x{:x},atrim=end={}[out]",
        encoder.channel_layout().bits(),
        CUT / TICKS,
    );
    let frames = format!(
        "time_base=1/{0}:sample_rate={0}:sample_fmt={1}:channel_layout=0x{2:x}",
        fed.rate,
        fed.format.name(),
        fed.layout.bits(),
    );
    let mut chain =
        Chain::new(Parts { source: "abuffer", frames, sink: "abuffersink", filters, mark: None })?;
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
