//! The poster: the frame with the most contrast of the first five seconds. Clips often fade in from
//! black.

use ffmpeg_next::codec::{Context, encoder};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;
use ffmpeg_next::{Error, Packet, Rational, frame};

use super::clock::CLOCK_RATE;
use crate::failure::Failure;

/// Time between two candidates, in ticks.
const CANDIDATE_INTERVAL: i64 = CLOCK_RATE / 2;
const CANDIDATES: u32 = 10;
/// JPEG quality from 2, the finest, to 31.
const QUANTISER: i32 = 4;

/// Selects the poster among the finished frames.
#[derive(Default)]
pub(super) struct Poster {
    seen: u32,
    next_at: i64,
    best: Option<(f64, frame::Video)>,
}

impl Poster {
    /// Offers a frame of the finished video.
    pub(super) fn consider(&mut self, frame: &frame::Video) {
        let time = frame.pts().unwrap_or(0);
        if self.seen == CANDIDATES || time < self.next_at {
            return;
        }
        self.seen += 1;
        self.next_at = time + CANDIDATE_INTERVAL;
        let contrast = contrast(frame);
        if self.best.as_ref().is_none_or(|(best, _)| contrast > *best) {
            self.best = Some((contrast, frame.clone()));
        }
    }

    /// The best frame as a JPEG.
    pub(super) fn into_jpeg(self) -> Result<Vec<u8>, Failure> {
        let (_, frame) = self.best.ok_or(Error::Bug)?;
        let (width, height) = (frame.width(), frame.height());
        // JPEG uses the full range of values.
        let mut full = frame::Video::empty();
        let flags = scaling::Flags::BICUBIC;
        scaling::Context::get(
            Pixel::YUV420P,
            width,
            height,
            Pixel::YUVJ420P,
            width,
            height,
            flags,
        )?
        .run(&frame, &mut full)?;
        full.set_pts(Some(0));

        let codec = encoder::find_by_name("mjpeg").ok_or(Error::EncoderNotFound)?;
        let mut encoder = Context::new_with_codec(codec).encoder().video()?;
        encoder.set_width(width);
        encoder.set_height(height);
        encoder.set_format(Pixel::YUVJ420P);
        encoder.set_time_base(Rational(1, 25));
        encoder.set_qmin(QUANTISER);
        encoder.set_qmax(QUANTISER);
        let mut encoder = encoder.open_as(codec)?;
        encoder.send_frame(&full)?;
        encoder.send_eof()?;
        let mut packet = Packet::empty();
        encoder.receive_packet(&mut packet)?;
        Ok(packet.data().ok_or(Error::Bug)?.to_vec())
    }
}

/// The variance of the luma above the watermark: 0 for a plain frame.
fn contrast(frame: &frame::Video) -> f64 {
    let (width, stride) = (frame.width() as usize, frame.stride(0));
    let height = (frame.height() as usize * 4 / 5).max(1);
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for row in frame.data(0).chunks(stride).take(height).step_by(4) {
        for pixel in row.iter().take(width).step_by(4) {
            let value = f64::from(*pixel);
            count += 1.0;
            sum += value;
            squares += value * value;
        }
    }
    let mean = sum / count;
    squares / count - mean * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame_at(time: i64, pixel: impl Fn(usize) -> u8) -> frame::Video {
        let mut frame = frame::Video::new(Pixel::YUV420P, 64, 48);
        frame.data_mut(0).iter_mut().enumerate().for_each(|(index, value)| *value = pixel(index));
        frame.data_mut(1).fill(128);
        frame.data_mut(2).fill(128);
        frame.set_pts(Some(time));
        frame
    }

    #[test]
    fn the_frame_with_the_most_contrast_becomes_the_poster() {
        let mut poster = Poster::default();
        poster.consider(&frame_at(0, |_| 16));
        poster.consider(&frame_at(CANDIDATE_INTERVAL, |index| (index % 64 * 3) as u8));
        poster.consider(&frame_at(2 * CANDIDATE_INTERVAL, |_| 235));
        assert_eq!(
            poster.best.as_ref().map(|(_, frame)| frame.pts()),
            Some(Some(CANDIDATE_INTERVAL))
        );
        let jpeg = poster.into_jpeg().unwrap();
        assert!(jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]));
    }

    #[test]
    fn the_number_of_candidates_is_limited() {
        let mut poster = Poster::default();
        for index in 0..1000 {
            poster.consider(&frame_at(index * CLOCK_RATE / 60, |_| 16));
        }
        assert_eq!(poster.seen, CANDIDATES);
    }
}
