//! The finished picture in one size, encoded.

use ffmpeg_next::codec::{self, Context, encoder};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, color, frame};

use super::clock::{MAX_FRAME_RATE, SEGMENT, TICK, TICKS};
use super::colour::Light;
use super::geometry::Size;
use super::{Failure, or_not_yet};

/// The settings of the encoder, whatever the size: see docs/adr/0008-transcoding-settings.md.
const X264: [(&str, &str); 6] = [
    ("preset", "veryfast"),
    ("crf", "23"),
    ("profile", "high"),
    ("threads", "auto"),
    // A frame that is asked to be a key is one that a player can begin with.
    ("forced-idr", "1"),
    // Captions of the source are not copied.
    ("a53cc", "0"),
];

/// What a rendition may cost at most.
#[derive(Clone, Copy)]
struct Ceiling {
    bits_per_second: &'static str,
    buffer: &'static str,
}

const FULL: Ceiling = Ceiling { bits_per_second: "8M", buffer: "16M" };
/// The smaller renditions of an adaptive stream, by their lines.
const SMALLER: [(u32, Ceiling); 2] = [
    (480, Ceiling { bits_per_second: "2500k", buffer: "5M" }),
    (360, Ceiling { bits_per_second: "1200k", buffer: "2400k" }),
];

/// What all renditions of a picture have in common.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    /// Frames per second, as far as it is known.
    pub(super) frame_rate: f64,
    /// The first frame of the source, for its colours.
    pub(super) first: &'a frame::Video,
    pub(super) light: Light,
}

/// The picture in one size.
pub(super) struct Rendition {
    pub(super) size: Size,
    /// From the full size to this one; none, if it is that.
    scaler: Option<scaling::Context>,
    pub(super) encoder: encoder::video::Encoder,
    pub(super) packets: Vec<Packet>,
}

impl Rendition {
    /// The one that is as large as the finished video.
    pub(super) fn full(size: Size, look: Look<'_>) -> Result<Self, Failure> {
        let encoder = open_encoder(size, FULL, look)?;
        Ok(Self { size, scaler: None, encoder, packets: Vec::new() })
    }

    /// Those that are smaller than it.
    pub(super) fn smaller(full: Size, look: Look<'_>) -> Result<Vec<Self>, Failure> {
        let below = SMALLER.iter().filter(|(lines, _)| *lines < full.height);
        let scaled = below.map(|(lines, ceiling)| {
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
            let encoder = open_encoder(size, *ceiling, look)?;
            Ok(Self { size, scaler: Some(scaler), encoder, packets: Vec::new() })
        });
        scaled.collect()
    }

    /// Takes a frame in the full size.
    pub(super) fn encode(&mut self, full: &frame::Video) -> Result<(), Failure> {
        if let Some(scaler) = &mut self.scaler {
            // A new one each time: the encoder may not be done with the last.
            let mut scaled = frame::Video::empty();
            scaler.run(full, &mut scaled)?;
            scaled.set_pts(full.pts());
            scaled.set_kind(full.kind());
            self.encoder.send_frame(&scaled)?;
        } else {
            self.encoder.send_frame(full)?;
        }
        self.collect()
    }

    /// No more frames will come.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.encoder.send_eof()?;
        self.collect()
    }

    fn collect(&mut self) -> Result<(), Failure> {
        loop {
            let mut packet = Packet::empty();
            if !or_not_yet(self.encoder.receive_packet(&mut packet))? {
                return Ok(());
            }
            self.packets.push(packet);
        }
    }
}

fn open_encoder(
    size: Size,
    ceiling: Ceiling,
    look: Look<'_>,
) -> Result<encoder::video::Encoder, Failure> {
    let codec = encoder::find_by_name("libx264").ok_or(Error::EncoderNotFound)?;
    let mut encoder = Context::new_with_codec(codec).encoder().video()?;
    // Only a hint for the rate control: each frame carries its own time.
    let known = look.frame_rate.is_finite() && look.frame_rate >= 1.0;
    let rate = if known { look.frame_rate.min(MAX_FRAME_RATE as f64) } else { 25.0 };
    encoder.set_width(size.width);
    encoder.set_height(size.height);
    encoder.set_format(Pixel::YUV420P);
    encoder.set_aspect_ratio(Rational(1, 1));
    encoder.set_time_base(TICK);
    encoder.set_frame_rate(Some(Rational((rate * 1000.0).round() as i32, 1000)));
    encoder.set_gop((rate * (SEGMENT / TICKS) as f64).round().max(1.0) as u32);
    // A key frame is one that a player can begin with: nothing refers to what was before it.
    encoder.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
    encoder.set_color_range(color::Range::MPEG);
    if look.light == Light::Standard {
        // The scaler leaves the colours' meaning alone, except that RGB becomes BT.601.
        let space = look.first.color_space();
        let space = if space == color::Space::RGB { color::Space::SMPTE170M } else { space };
        encoder.set_colorspace(space);
        encoder.set_color_primaries(look.first.color_primaries());
        encoder.set_color_transfer_characteristic(look.first.color_transfer_characteristic());
    } else {
        encoder.set_colorspace(color::Space::BT709);
        encoder.set_color_primaries(color::Primaries::BT709);
        encoder.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
    }
    let mut options: Dictionary<'_> = X264.iter().collect();
    options.set("maxrate", ceiling.bits_per_second);
    options.set("bufsize", ceiling.buffer);
    Ok(encoder.open_as_with(codec, options)?)
}
