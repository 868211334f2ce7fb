//! The watermark: the name of the contest at the bottom of the picture.
//!
//! A bitmap of the text, because a text would need a font file at run time, which the sandbox may
//! forbid. `assets/watermark.pgm` was made with FFmpeg's `drawtext` from DejaVu Sans Bold
//! at 44 points, white on black.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use super::geometry::Size;

/// A portable graymap: `P5`, width, height, 255, then one byte per pixel.
const BITMAP: &[u8] = include_bytes!("../../assets/watermark.pgm");
const HEADER: &[u8] = b"P5\n704 60\n255\n";
const WIDTH: u32 = 704;
const HEIGHT: u32 = 60;

/// Opacity of the dark background, which keeps the letters legible on a white picture.
const BACKGROUND_ALPHA: u16 = 112;

/// Position and size of the watermark in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WatermarkPosition {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) size: Size,
}

impl WatermarkPosition {
    /// Two fifths of the width, at least 288 pixels where there is room, and always inside.
    pub(super) fn in_picture(picture: Size) -> Self {
        let most = picture.width - picture.width / 16;
        let width = even((picture.width * 2 / 5).max(288).min(most));
        let height = even(width * HEIGHT / WIDTH).min(picture.height);
        let margin = (picture.height / 36).min(picture.height - height);
        // Even offsets, because two pixels share their chroma.
        Self {
            left: ((picture.width - width) / 2) & !1,
            top: (picture.height - height - margin) & !1,
            size: Size { width, height },
        }
    }
}

fn even(number: u32) -> u32 {
    (number & !1).max(2)
}

/// The watermark as a frame with transparency: white letters on a dark, half transparent background.
pub(super) fn frame() -> frame::Video {
    let mut frame = frame::Video::new(Pixel::YUVA420P, WIDTH, HEIGHT);
    let letters = BITMAP.get(HEADER.len()..).unwrap_or_default();
    // Video black is 16 and white 235 (ITU-R BT.601, 2.5.3).
    let luma = |letter: u8| (16 + u16::from(letter) * 219 / 255) as u8;
    let alpha =
        |letter: u8| (BACKGROUND_ALPHA + u16::from(letter) * (255 - BACKGROUND_ALPHA) / 255) as u8;
    fill(&mut frame, 0, letters, luma);
    fill(&mut frame, 3, letters, alpha);
    frame.data_mut(1).fill(128);
    frame.data_mut(2).fill(128);
    frame.set_pts(Some(0));
    frame
}

fn fill(frame: &mut frame::Video, plane: usize, letters: &[u8], value: impl Fn(u8) -> u8) {
    let stride = frame.stride(plane);
    let rows = frame.data_mut(plane).chunks_mut(stride).zip(letters.chunks(WIDTH as usize));
    for (row, letters) in rows {
        row.iter_mut().zip(letters).for_each(|(pixel, letter)| *pixel = value(*letter));
    }
}

/// The size of [`frame`].
pub(super) const SIZE: Size = Size { width: WIDTH, height: HEIGHT };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bitmap_is_what_its_header_says() {
        assert!(BITMAP.starts_with(HEADER));
        assert_eq!(BITMAP.len(), HEADER.len() + (WIDTH * HEIGHT) as usize);
    }

    #[test]
    fn the_watermark_is_inside_every_picture_at_the_bottom_centre() {
        for width in (2..2000).step_by(2) {
            for height in [2, 4, 90, 144, 360, 720] {
                let position = WatermarkPosition::in_picture(Size { width, height });
                let right = position.left + position.size.width;
                let bottom = position.top + position.size.height;
                assert!(right <= width && bottom <= height, "{width} {height} {position:?}");
                assert!((width - right).abs_diff(position.left) <= 3, "{width} {position:?}");
                assert!(height < 16 || bottom > height - height / 30 - 4, "{height} {position:?}");
            }
        }
    }
}
