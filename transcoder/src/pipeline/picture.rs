//! The picture: decoded, turned upright, scaled, watermarked, encoded.

use domain::event::FailureReason;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Packet, Rescale, frame};

use super::clock::{CLOCK_RATE, Clock, FrameTime, Schedule, Segments, TICK};
use super::colour::TransferFunction;
use super::filter_chain::{FilterChain, FilterChainSpec};
use super::geometry::{Size, finished_size};
use super::outputs::Outputs;
use super::poster::Poster;
use super::rendition::{Rendition, SourceProperties};
use super::source::PictureStream;
use super::{sys, watermark};
use crate::failure::Failure;

/// Largest number of frames that are decoded: 30 s at 600 frames a second.
const MAX_FRAMES: u64 = 18_000;

/// Transcodes the picture, packet by packet.
pub(super) struct PictureTranscoder {
    stream: PictureStream,
    clock: Clock,
    outputs: Outputs,
    schedule: Schedule,
    encoding: Option<Encoding>,
    done: bool,
}

/// Filters and encoders. The first frame decides their properties.
struct Encoding {
    chain: FilterChain,
    /// The input format of the chain.
    format: PictureFormat,
    full: Rendition,
    smaller: Vec<Rendition>,
    segments: Segments,
    poster: Poster,
}

/// The format of decoded frames. A source may change it in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PictureFormat {
    size: Size,
    pixel: Pixel,
    transfer: TransferFunction,
    /// Whether an earlier frame was interlaced: some sources mix interlaced and progressive frames.
    interlaced: bool,
}

/// The encoded picture.
pub(super) struct EncodedPicture {
    pub(super) full: Rendition,
    /// The smaller renditions of an adaptive stream.
    pub(super) smaller: Vec<Rendition>,
    pub(super) segments: Segments,
    pub(super) schedule: Schedule,
    pub(super) poster: Poster,
}

impl PictureTranscoder {
    pub(super) fn new(stream: PictureStream, clock: Clock, outputs: Outputs) -> Self {
        let schedule = Schedule::default();
        Self { stream, clock, outputs, schedule, encoding: None, done: false }
    }

    /// The stream's index in the source.
    pub(super) fn stream(&self) -> usize {
        self.stream.index
    }

    /// Whether everything before the cut is decoded.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The time of the newest frame, in ticks.
    pub(super) fn reached(&self) -> i64 {
        self.schedule.last()
    }

    pub(super) fn take(&mut self, packet: &Packet) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        self.stream.decoder.send(packet);
        self.decode()
    }

    /// Ends the picture.
    pub(super) fn finish(mut self) -> Result<EncodedPicture, Failure> {
        if !self.done && self.stream.decoder.send_end() {
            self.decode()?;
        }
        self.stream.decoder.check()?;
        let mut encoding = self.encoding.take().ok_or_else(|| self.stream.decoder.undecodable())?;
        encoding.chain.send_end()?;
        encoding.encode_filtered()?;
        encoding.renditions().try_for_each(Rendition::finish)?;
        let Encoding { full, smaller, segments, poster, .. } = encoding;
        Ok(EncodedPicture { full, smaller, segments, schedule: self.schedule, poster })
    }

    fn decode(&mut self) -> Result<(), Failure> {
        let mut frame = frame::Video::empty();
        while !self.done && self.stream.decoder.receive(&mut frame)? {
            self.encode(&mut frame)?;
        }
        Ok(())
    }

    fn encode(&mut self, frame: &mut frame::Video) -> Result<(), Failure> {
        if self.stream.decoder.decoded > MAX_FRAMES {
            let detail = format!("more than {MAX_FRAMES} frames before the cut");
            return Err(Failure::new(FailureReason::TooManyFrames, detail));
        }
        sys::reset_unknown_colours(frame);
        let base = self.stream.time_base;
        let time = frame.timestamp().map(|time| self.clock.ticks(time, base));
        let duration = frame.packet().duration.max(0).rescale(base, TICK);
        let time = match self.schedule.add(time, duration) {
            FrameTime::ShowAt(time) => time,
            FrameTime::Skip => return Ok(()),
            FrameTime::AfterCut => {
                self.done = true;
                return Ok(());
            }
        };
        frame.set_pts(Some(time));
        let interlaced = self.encoding.as_ref().is_some_and(|it| it.format.interlaced);
        let format = PictureFormat::of(frame, interlaced);
        let encoding = match &mut self.encoding {
            Some(encoding) if encoding.format == format => encoding,
            Some(encoding) => {
                encoding.chain.send_end()?;
                encoding.encode_filtered()?;
                encoding.chain = filter_chain(&self.stream, format, encoding.full.size)?;
                encoding.format = format;
                encoding
            }
            empty => empty.insert(Encoding::open(&self.stream, format, frame, self.outputs)?),
        };
        encoding.chain.send(frame)?;
        encoding.encode_filtered()
    }
}

impl PictureFormat {
    fn of(frame: &frame::Video, interlaced_before: bool) -> Self {
        Self {
            size: Size { width: frame.width(), height: frame.height() },
            pixel: frame.format(),
            transfer: TransferFunction::of(frame),
            interlaced: interlaced_before || frame.is_interlaced(),
        }
    }
}

impl Encoding {
    fn open(
        stream: &PictureStream,
        format: PictureFormat,
        first: &frame::Video,
        outputs: Outputs,
    ) -> Result<Self, Failure> {
        let size = finished_size(format.size, stream.pixel_aspect, stream.orientation);
        let properties =
            SourceProperties { frame_rate: stream.frame_rate, first, transfer: format.transfer };
        Ok(Self {
            chain: filter_chain(stream, format, size)?,
            format,
            full: Rendition::full(size, properties)?,
            smaller: match outputs {
                Outputs::File => Vec::new(),
                Outputs::FileAndStream => Rendition::smaller(size, properties)?,
            },
            segments: Segments::default(),
            poster: Poster::default(),
        })
    }

    fn renditions(&mut self) -> impl Iterator<Item = &mut Rendition> {
        std::iter::once(&mut self.full).chain(&mut self.smaller)
    }

    /// Encodes the frames that the filters have finished.
    fn encode_filtered(&mut self) -> Result<(), Failure> {
        let mut frame = frame::Video::empty();
        let base = self.chain.time_base()?;
        while self.chain.receive(&mut frame)? {
            let time = frame.pts().unwrap_or(0).rescale(base, TICK);
            frame.set_pts(Some(time));
            // Without a kind the encoder would repeat the source's key frames.
            frame.set_kind(self.segments.kind_of_frame(time));
            self.poster.consider(&frame);
            self.renditions().try_for_each(|rendition| rendition.encode(&frame))?;
        }
        Ok(())
    }
}

/// Turns, scales and watermarks. The size is given in numbers, so the filters' own handling of
/// non-square pixels has no effect.
fn filter_chain(
    stream: &PictureStream,
    format: PictureFormat,
    size: Size,
) -> Result<FilterChain, Failure> {
    let mark = watermark::frame();
    let position = watermark::WatermarkPosition::in_picture(size);
    let mut filters = Vec::new();
    if format.interlaced {
        filters.push("yadif=deint=interlaced".to_owned());
    }
    filters.extend(stream.orientation.filters().iter().map(|&filter| filter.to_owned()));
    filters.push(format!("scale={}:{}:flags=bicubic:out_range=tv", size.width, size.height));
    filters.extend(format.transfer.filters());
    filters.push("format=yuv420p,setsar=1".to_owned());
    let Size { width, height } = position.size;
    let filters = format!(
        "[in]{}[main];[mark]scale={width}:{height}:flags=area[name];\
         [main][name]overlay=x={}:y={}:format=yuv420,format=yuv420p[out]",
        filters.join(","),
        position.left,
        position.top,
    );
    let chain = FilterChain::new(FilterChainSpec {
        source: "buffer",
        frames: buffer_arguments(format.size, format.pixel),
        sink: "buffersink",
        filters,
        watermark: Some((&mark, buffer_arguments(watermark::SIZE, Pixel::YUVA420P))),
    });
    Ok(chain?)
}

/// The arguments of FFmpeg's `buffer` filter for frames of this format.
fn buffer_arguments(size: Size, pixel: Pixel) -> String {
    let pixel = pixel.descriptor().map_or("none", |descriptor| descriptor.name());
    let Size { width, height } = size;
    format!("video_size={width}x{height}:pix_fmt={pixel}:time_base=1/{CLOCK_RATE}:pixel_aspect=1/1")
}
