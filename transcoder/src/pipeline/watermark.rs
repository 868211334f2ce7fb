//! The name of the contest, at the bottom of the picture.
//!
//! It is a picture of the text and not the text: so no font must be found, shipped or read, which a
//! sandbox may forbid. `assets/watermark.pgm` was made with FFmpeg's `drawtext` from DejaVu Sans Bold
//! at 44 points, white on black.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use super::geometry::Size;

/// A portable graymap: `P5`, width, height, 255, then one byte per pixel.
const BITMAP: &[u8] = include_bytes!("../../assets/watermark.pgm");
const HEADER: &[u8] = b"P5\n704 60\n255\n";
const WIDTH: u32 = 704;
const HEIGHT: u32 = 60;

/// How opaque the dark ground is that the letters stand on: they must be legible on snow, too.
const GROUND: u16 = 112;

/// Where in a picture the watermark goes, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) size: Size,
}

impl Place {
    /// Two fifths of the width, but not so small that nobody can read it, and always inside.
    pub(super) fn in_picture(picture: Size) -> Self {
        let most = picture.width - picture.width / 16;
        let width = even((picture.width * 2 / 5).max(288).min(most));
        let height = even(width * HEIGHT / WIDTH).min(picture.height);
        let margin = (picture.height / 36).min(picture.height - height);
        // Even places, because two pixels share their colour.
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

/// The watermark as a frame with transparency: white letters on a dark, half transparent ground.
pub(super) fn frame() -> frame::Video {
    let mut frame = frame::Video::new(Pixel::YUVA420P, WIDTH, HEIGHT);
    let letters = BITMAP.get(HEADER.len()..).unwrap_or_default();
    // Video black is 16 and white 235 (ITU-R BT.601, 2.5.3).
    let luma = |letter: u8| (16 + u16::from(letter) * 219 / 255) as u8;
    let alpha = |letter: u8| (GROUND + u16::from(letter) * (255 - GROUND) / 255) as u8;
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
    fn it_lies_inside_every_picture_at_the_bottom_in_the_middle() {
        for width in (2..2000).step_by(2) {
            for height in [2, 4, 90, 144, 360, 720] {
                let place = Place::in_picture(Size { width, height });
                let right = place.left + place.size.width;
                let bottom = place.top + place.size.height;
                assert!(right <= width && bottom <= height, "{width} {height} {place:?}");
                assert!((width - right).abs_diff(place.left) <= 3, "{width} {place:?}");
                assert!(height < 16 || bottom > height - height / 30 - 4, "{height} {place:?}");
            }
        }
    }
}
