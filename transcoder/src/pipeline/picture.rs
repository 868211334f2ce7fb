//! The picture: decoded, turned upright, scaled, marked, encoded.

use domain::event::FailureReason;
use ffmpeg_next::codec::{self, Context, encoder};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, Rescale, color, error, frame, picture};

use super::clock::{Clock, MAX_FRAME_RATE, Moment, Schedule, TICK, TICKS};
use super::colour::Light;
use super::geometry::{Size, finished_size};
use super::graph::{Chain, Parts};
use super::poster::Poster;
use super::source::PictureStream;
use super::{Failure, or_not_yet, watermark};

/// At most so many frames are decoded: 30 s at 600 a second.
const MAX_FRAMES: u64 = 18_000;
/// A player can jump to a place every so many seconds.
const KEY_FRAME_SECONDS: f64 = 2.0;

/// The settings of the encoder: see docs/adr/0008-transcoding-settings.md.
const X264: [(&str, &str); 7] = [
    ("preset", "veryfast"),
    ("crf", "23"),
    ("profile", "high"),
    ("maxrate", "8M"),
    ("bufsize", "16M"),
    ("threads", "auto"),
    // Captions of the source are not copied.
    ("a53cc", "0"),
];

/// The picture on its way.
pub(super) struct Picture {
    stream: PictureStream,
    clock: Clock,
    schedule: Schedule,
    stage: Option<Stage>,
    poster: Poster,
    packets: Vec<Packet>,
    decoded: u64,
    broken: u64,
    done: bool,
}

/// What there is once the first frame has said what frames are like.
struct Stage {
    size: Size,
    chain: Chain,
    /// What the chain was made for.
    fed: Fed,
    encoder: encoder::video::Encoder,
}

/// What frames are like: a source may change it in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fed {
    size: Size,
    format: Pixel,
    light: Light,
    /// Whether there were interlaced frames so far: some sources mix them with others.
    interlaced: bool,
}

/// The picture, encoded.
pub(super) struct Encoded {
    pub(super) size: Size,
    pub(super) encoder: encoder::video::Encoder,
    pub(super) packets: Vec<Packet>,
    pub(super) schedule: Schedule,
    pub(super) poster: Poster,
}

impl Picture {
    pub(super) fn new(stream: PictureStream, clock: Clock) -> Self {
        Self {
            stream,
            clock,
            schedule: Schedule::default(),
            stage: None,
            poster: Poster::default(),
            packets: Vec::new(),
            decoded: 0,
            broken: 0,
            done: false,
        }
    }

    pub(super) fn stream(&self) -> usize {
        self.stream.index
    }

    /// Whether everything before the cut has been seen.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Up to where frames have been taken, in ticks.
    pub(super) fn reached(&self) -> i64 {
        self.schedule.last()
    }

    pub(super) fn take(&mut self, packet: &Packet) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        if self.stream.decoder.send_packet(packet).is_err() {
            // A broken packet costs some frames; whether enough are left is decided at the end.
            self.broken += 1;
        }
        self.decode()
    }

    /// Ends the picture.
    pub(super) fn finish(mut self) -> Result<Encoded, Failure> {
        if !self.done && self.stream.decoder.send_eof().is_ok() {
            self.decode()?;
        }
        let few = self.broken > self.decoded;
        let Some(mut stage) = self.stage.take().filter(|_| !few) else {
            let counts = format!("{} frames decoded, {} broken", self.decoded, self.broken);
            return Err(Failure::undecodable(counts));
        };
        stage.chain.finish()?;
        stage.encode_filtered(&mut self.poster, &mut self.packets)?;
        stage.encoder.send_eof()?;
        stage.collect(&mut self.packets)?;
        Ok(Encoded {
            size: stage.size,
            encoder: stage.encoder,
            packets: self.packets,
            schedule: self.schedule,
            poster: self.poster,
        })
    }

    fn decode(&mut self) -> Result<(), Failure> {
        let mut frame = frame::Video::empty();
        while !self.done {
            match or_not_yet(self.stream.decoder.receive_frame(&mut frame)) {
                Ok(true) => self.show(&mut frame)?,
                Ok(false) => return Ok(()),
                Err(Error::Other { errno: error::ENOMEM }) => {
                    return Err(Error::Other { errno: error::ENOMEM }.into());
                }
                Err(_) => {
                    self.broken += 1;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn show(&mut self, frame: &mut frame::Video) -> Result<(), Failure> {
        self.decoded += 1;
        if self.decoded > MAX_FRAMES {
            return Err(Failure::new(FailureReason::TooManyFrames, "no end of frames"));
        }
        let base = self.stream.time_base;
        let time = frame.timestamp().map(|time| self.clock.ticks(time, base));
        let lasts = frame.packet().duration.max(0).rescale(base, TICK);
        let time = match self.schedule.place(time, lasts) {
            Moment::At(time) => time,
            Moment::Skip => return Ok(()),
            Moment::BehindTheCut => {
                self.done = true;
                return Ok(());
            }
        };
        frame.set_pts(Some(time));
        let before = self.stage.as_ref().is_some_and(|stage| stage.fed.interlaced);
        let fed = Fed::of(frame, before);
        let stage = match &mut self.stage {
            Some(stage) if stage.fed == fed => stage,
            Some(stage) => {
                stage.chain.finish()?;
                stage.encode_filtered(&mut self.poster, &mut self.packets)?;
                stage.chain = chain(&self.stream, fed, stage.size)?;
                stage.fed = fed;
                stage
            }
            empty => empty.insert(Stage::open(&self.stream, fed, frame)?),
        };
        stage.chain.feed(frame)?;
        stage.encode_filtered(&mut self.poster, &mut self.packets)
    }
}

impl Fed {
    fn of(frame: &frame::Video, interlaced_before: bool) -> Self {
        Self {
            size: Size { width: frame.width(), height: frame.height() },
            format: frame.format(),
            light: Light::of(frame),
            interlaced: interlaced_before || frame.is_interlaced(),
        }
    }
}

impl Stage {
    fn open(stream: &PictureStream, fed: Fed, frame: &frame::Video) -> Result<Self, Failure> {
        let size = finished_size(fed.size, stream.pixel_aspect, stream.orientation);
        let chain = chain(stream, fed, size)?;
        let encoder = open_encoder(size, stream.frame_rate, frame, fed.light)?;
        Ok(Self { size, chain, fed, encoder })
    }

    /// Encodes what the filters have ready.
    fn encode_filtered(
        &mut self,
        poster: &mut Poster,
        packets: &mut Vec<Packet>,
    ) -> Result<(), Failure> {
        let mut frame = frame::Video::empty();
        let base = self.chain.time_base()?;
        while self.chain.drain(&mut frame)? {
            let time = frame.pts().unwrap_or(0).rescale(base, TICK);
            frame.set_pts(Some(time));
            // Otherwise the encoder would repeat the source's choice of key frames.
            frame.set_kind(picture::Type::None);
            poster.consider(&frame);
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

/// Turns, scales and marks. The size is given in numbers, so that whatever the filters think of
/// pixels that are not square does not matter.
fn chain(stream: &PictureStream, fed: Fed, size: Size) -> Result<Chain, Failure> {
    let mark = watermark::frame();
    let place = watermark::Place::in_picture(size);
    let mut filters = Vec::new();
    if fed.interlaced {
        filters.push("yadif=deint=interlaced".to_owned());
    }
    filters.extend(stream.orientation.filters().iter().map(|&filter| filter.to_owned()));
    filters.push(format!("scale={}:{}:flags=bicubic:out_range=tv", size.width, size.height));
    filters.extend(fed.light.filters());
    filters.push("format=yuv420p,setsar=1".to_owned());
    let Size { width, height } = place.size;
    let filters = format!(
        "[in]{}[main];[mark]scale={width}:{height}:flags=area[name];\
         [main][name]overlay=x={}:y={}:format=yuv420,format=yuv420p[out]",
        filters.join(","),
        place.left,
        place.top,
    );
    let chain = Chain::new(Parts {
        source: "buffer",
        frames: about(fed.size, fed.format),
        sink: "buffersink",
        filters,
        mark: Some((&mark, about(watermark::SIZE, Pixel::YUVA420P))),
    });
    Ok(chain?)
}

fn about(size: Size, format: Pixel) -> String {
    let format = format.descriptor().map_or("none", |format| format.name());
    let Size { width, height } = size;
    format!("video_size={width}x{height}:pix_fmt={format}:time_base=1/{TICKS}:pixel_aspect=1/1")
}

fn open_encoder(
    size: Size,
    frame_rate: f64,
    frame: &frame::Video,
    light: Light,
) -> Result<encoder::video::Encoder, Failure> {
    let codec = encoder::find_by_name("libx264").ok_or(Error::EncoderNotFound)?;
    let mut encoder = Context::new_with_codec(codec).encoder().video()?;
    // Only a hint for the rate control: each frame carries its own time.
    let rate = if frame_rate.is_finite() && frame_rate >= 1.0 { frame_rate } else { 25.0 };
    let rate = rate.min(MAX_FRAME_RATE as f64);
    encoder.set_width(size.width);
    encoder.set_height(size.height);
    encoder.set_format(Pixel::YUV420P);
    encoder.set_aspect_ratio(Rational(1, 1));
    encoder.set_time_base(TICK);
    encoder.set_frame_rate(Some(Rational((rate * 1000.0).round() as i32, 1000)));
    encoder.set_gop((rate * KEY_FRAME_SECONDS).round().max(1.0) as u32);
    encoder.set_flags(codec::Flags::GLOBAL_HEADER);
    encoder.set_color_range(color::Range::MPEG);
    if light == Light::Standard {
        // The scaler leaves the colours' meaning alone, except that RGB becomes BT.601.
        let space = frame.color_space();
        let space = if space == color::Space::RGB { color::Space::SMPTE170M } else { space };
        encoder.set_colorspace(space);
        encoder.set_color_primaries(frame.color_primaries());
        encoder.set_color_transfer_characteristic(frame.color_transfer_characteristic());
    } else {
        encoder.set_colorspace(color::Space::BT709);
        encoder.set_color_primaries(color::Primaries::BT709);
        encoder.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
    }
    let options: Dictionary<'_> = X264.iter().collect();
    Ok(encoder.open_as_with(codec, options)?)
}
