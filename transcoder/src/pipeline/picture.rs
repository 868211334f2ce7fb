//! The picture: decoded, turned upright, scaled, marked, encoded.

use domain::event::FailureReason;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Error, Packet, Rescale, error, frame};

use super::clock::{Clock, Moment, Schedule, Segments, TICK, TICKS};
use super::colour::Light;
use super::geometry::{Size, finished_size};
use super::graph::{Chain, Parts};
use super::poster::Poster;
use super::rendition::{Look, Rendition};
use super::source::PictureStream;
use super::{Failure, Outputs, or_not_yet, sys, watermark};

/// At most so many frames are decoded: 30 s at 600 a second.
const MAX_FRAMES: u64 = 18_000;

/// The picture on its way.
pub(super) struct Picture {
    stream: PictureStream,
    clock: Clock,
    outputs: Outputs,
    schedule: Schedule,
    stage: Option<Stage>,
    decoded: u64,
    broken: u64,
    done: bool,
}

/// What there is once the first frame has said what frames are like.
struct Stage {
    chain: Chain,
    /// What the chain was made for.
    fed: Fed,
    full: Rendition,
    smaller: Vec<Rendition>,
    segments: Segments,
    poster: Poster,
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
    pub(super) full: Rendition,
    /// For an adaptive stream.
    pub(super) smaller: Vec<Rendition>,
    pub(super) segments: Segments,
    pub(super) schedule: Schedule,
    pub(super) poster: Poster,
}

impl Picture {
    pub(super) fn new(stream: PictureStream, clock: Clock, outputs: Outputs) -> Self {
        Self {
            stream,
            clock,
            outputs,
            schedule: Schedule::default(),
            stage: None,
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
        stage.encode_filtered()?;
        stage.renditions().try_for_each(Rendition::finish)?;
        let Stage { full, smaller, segments, poster, .. } = stage;
        Ok(Encoded { full, smaller, segments, schedule: self.schedule, poster })
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
        sys::know_colours(frame);
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
                stage.encode_filtered()?;
                stage.chain = chain(&self.stream, fed, stage.full.size)?;
                stage.fed = fed;
                stage
            }
            empty => empty.insert(Stage::open(&self.stream, fed, frame, self.outputs)?),
        };
        stage.chain.feed(frame)?;
        stage.encode_filtered()
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
    fn open(
        stream: &PictureStream,
        fed: Fed,
        first: &frame::Video,
        outputs: Outputs,
    ) -> Result<Self, Failure> {
        let size = finished_size(fed.size, stream.pixel_aspect, stream.orientation);
        let look = Look { frame_rate: stream.frame_rate, first, light: fed.light };
        Ok(Self {
            chain: chain(stream, fed, size)?,
            fed,
            full: Rendition::full(size, look)?,
            smaller: match outputs {
                Outputs::File => Vec::new(),
                Outputs::FileAndStream => Rendition::smaller(size, look)?,
            },
            segments: Segments::default(),
            poster: Poster::default(),
        })
    }

    fn renditions(&mut self) -> impl Iterator<Item = &mut Rendition> {
        std::iter::once(&mut self.full).chain(&mut self.smaller)
    }

    /// Encodes what the filters have ready.
    fn encode_filtered(&mut self) -> Result<(), Failure> {
        let mut frame = frame::Video::empty();
        let base = self.chain.time_base()?;
        while self.chain.drain(&mut frame)? {
            let time = frame.pts().unwrap_or(0).rescale(base, TICK);
            frame.set_pts(Some(time));
            // Otherwise the encoder would repeat the source's choice of key frames.
            frame.set_kind(self.segments.kind_of_frame(time));
            self.poster.consider(&frame);
            self.renditions().try_for_each(|rendition| rendition.encode(&frame))?;
        }
        Ok(())
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
