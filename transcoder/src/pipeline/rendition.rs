//! The finished picture in one size: scaled and encoded.

use ffmpeg_next::codec::{self, Context, encoder};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, color, frame};

use super::clock::{CLOCK_RATE, MAX_FRAME_RATE, SEGMENT_TICKS, TICK};
use super::codec::receive_packets;
use super::colour::TransferFunction;
use super::geometry::Size;
use crate::failure::Failure;

/// The encoder's settings for all sizes, see docs/adr/0008-transcoding-settings.md.
const X264: [(&str, &str); 6] = [
    ("preset", "veryfast"),
    ("crf", "23"),
    ("profile", "high"),
    ("threads", "auto"),
    // A forced key frame is an IDR frame: a player can start with it.
    ("forced-idr", "1"),
    // Closed captions of the source are not copied.
    ("a53cc", "0"),
];

/// The limits of the rate control (H.264's video buffering verifier).
#[derive(Clone, Copy)]
struct VbvLimits {
    max_rate: &'static str,
    buffer_size: &'static str,
}

const FULL: VbvLimits = VbvLimits { max_rate: "8M", buffer_size: "16M" };
/// The smaller renditions of an adaptive stream: lines and limits.
const SMALLER: [(u32, VbvLimits); 2] = [
    (480, VbvLimits { max_rate: "2500k", buffer_size: "5M" }),
    (360, VbvLimits { max_rate: "1200k", buffer_size: "2400k" }),
];

/// The properties of the source that all renditions take over.
#[derive(Clone, Copy)]
pub(super) struct SourceProperties<'a> {
    /// Frames per second; not finite or below 1 if unknown.
    pub(super) frame_rate: f64,
    /// The first frame of the source, for its colours.
    pub(super) first: &'a frame::Video,
    pub(super) transfer: TransferFunction,
}

/// The picture in one size.
pub(super) struct Rendition {
    pub(super) size: Size,
    /// Scales from the full size; `None` for the full size itself.
    scaler: Option<scaling::Context>,
    pub(super) encoder: encoder::video::Encoder,
    pub(super) packets: Vec<Packet>,
}

impl Rendition {
    /// The rendition in the finished video's size.
    pub(super) fn full(size: Size, properties: SourceProperties<'_>) -> Result<Self, Failure> {
        let encoder = open_encoder(size, FULL, properties)?;
        Ok(Self { size, scaler: None, encoder, packets: Vec::new() })
    }

    /// The renditions below `full`.
    pub(super) fn smaller(
        full: Size,
        properties: SourceProperties<'_>,
    ) -> Result<Vec<Self>, Failure> {
        let below = SMALLER.iter().filter(|(lines, _)| *lines < full.height);
        let scaled = below.map(|(lines, limits)| {
            let size = full.scaled_to(*lines);
            let scaler = scaling::Context::get(
                Pixel::YUV420P,
                full.width,
                full.height,
                Pixel::YUV420P,
                size.width,
                size.height,
                scaling::Flags::BICUBIC,
            )?;
            let encoder = open_encoder(size, *limits, properties)?;
            Ok(Self { size, scaler: Some(scaler), encoder, packets: Vec::new() })
        });
        scaled.collect()
    }

    /// Encodes a frame of the full size.
    pub(super) fn encode(&mut self, full: &frame::Video) -> Result<(), Failure> {
        if let Some(scaler) = &mut self.scaler {
            // A new frame each time: the encoder may still use the previous one.
            let mut scaled = frame::Video::empty();
            scaler.run(full, &mut scaled)?;
            scaled.set_pts(full.pts());
            scaled.set_kind(full.kind());
            self.encoder.send_frame(&scaled)?;
        } else {
            self.encoder.send_frame(full)?;
        }
        receive_packets(&mut self.encoder, &mut self.packets)
    }

    /// Ends the input.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.encoder.send_eof()?;
        receive_packets(&mut self.encoder, &mut self.packets)
    }
}

fn open_encoder(
    size: Size,
    limits: VbvLimits,
    properties: SourceProperties<'_>,
) -> Result<encoder::video::Encoder, Failure> {
    let codec = encoder::find_by_name("libx264").ok_or(Error::EncoderNotFound)?;
    let mut encoder = Context::new_with_codec(codec).encoder().video()?;
    // A hint for the rate control: each frame has its own time.
    let known = properties.frame_rate.is_finite() && properties.frame_rate >= 1.0;
    let rate = if known { properties.frame_rate.min(MAX_FRAME_RATE as f64) } else { 25.0 };
    encoder.set_width(size.width);
    encoder.set_height(size.height);
    encoder.set_format(Pixel::YUV420P);
    encoder.set_aspect_ratio(Rational(1, 1));
    encoder.set_time_base(TICK);
    encoder.set_frame_rate(Some(Rational((rate * 1000.0).round() as i32, 1000)));
    encoder.set_gop((rate * (SEGMENT_TICKS / CLOCK_RATE) as f64).round().max(1.0) as u32);
    // Closed groups of pictures: no frame refers to frames before its key frame.
    encoder.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
    encoder.set_color_range(color::Range::MPEG);
    if properties.transfer == TransferFunction::Standard {
        // The scaler keeps the colour space, except that RGB becomes BT.601.
        let space = properties.first.color_space();
        let space = if space == color::Space::RGB { color::Space::SMPTE170M } else { space };
        encoder.set_colorspace(space);
        encoder.set_color_primaries(properties.first.color_primaries());
        encoder.set_color_transfer_characteristic(properties.first.color_transfer_characteristic());
    } else {
        encoder.set_colorspace(color::Space::BT709);
        encoder.set_color_primaries(color::Primaries::BT709);
        encoder.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
    }
    let mut options: Dictionary<'_> = X264.iter().collect();
    options.set("maxrate", limits.max_rate);
    options.set("bufsize", limits.buffer_size);
    Ok(encoder.open_as_with(codec, options)?)
}
