//! Orientation and size of the picture.

use crate::finished_video::{MAX_LINES, MAX_WIDTH};

/// A pixel aspect beyond this is an error in the file.
const MAX_PIXEL_ASPECT: f64 = 10.0;

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    /// This shape with another number of lines.
    pub(crate) fn scaled_to(self, lines: u32) -> Self {
        let width = f64::from(self.width) * f64::from(lines) / f64::from(self.height);
        Self { width: nearest_even(width).max(2), height: lines }
    }
}

/// How a stored picture must be turned to be upright: the eight symmetries of a square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orientation {
    Upright,
    Mirrored,
    HalfTurn,
    UpsideDownMirrored,
    /// A quarter turn clockwise.
    Right,
    /// A quarter turn counter-clockwise.
    Left,
    /// Mirrored along one diagonal.
    Transposed,
    /// Mirrored along the other.
    Transversed,
}

impl Orientation {
    /// From a display matrix (ISO/IEC 14496-12, 6.2.2) in native byte order: a point (x, y) of the
    /// stored picture is shown at (ax + cy, bx + dy). Other angles count as the nearest quarter turn.
    /// `None`: these bytes are no matrix.
    pub(crate) fn from_display_matrix(bytes: &[u8]) -> Option<Self> {
        let (numbers, _) = bytes.as_chunks::<4>();
        let number = |index: usize| Some(i64::from(i32::from_ne_bytes(*numbers.get(index)?)));
        let (a, b, c, d) = (number(0)?, number(1)?, number(3)?, number(4)?);
        let keeps_axes = a.abs() + d.abs() >= b.abs() + c.abs();
        Some(match (keeps_axes, a < 0, d < 0, b < 0, c < 0) {
            (true, false, false, ..) => Self::Upright,
            (true, true, false, ..) => Self::Mirrored,
            (true, true, true, ..) => Self::HalfTurn,
            (true, false, true, ..) => Self::UpsideDownMirrored,
            (false, _, _, false, true) => Self::Right,
            (false, _, _, true, false) => Self::Left,
            (false, _, _, false, false) => Self::Transposed,
            (false, _, _, true, true) => Self::Transversed,
        })
    }

    /// The filters that turn the picture.
    pub(crate) fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Upright => &[],
            Self::Mirrored => &["hflip"],
            Self::HalfTurn => &["hflip", "vflip"],
            Self::UpsideDownMirrored => &["vflip"],
            Self::Right => &["transpose=clock"],
            Self::Left => &["transpose=cclock"],
            Self::Transposed => &["transpose=cclock_flip"],
            Self::Transversed => &["transpose=clock_flip"],
        }
    }

    fn swaps_axes(self) -> bool {
        matches!(self, Self::Right | Self::Left | Self::Transposed | Self::Transversed)
    }
}

/// The size of the finished video: the lines of the upright picture, at most [`MAX_LINES`]; square
/// pixels, the same aspect ratio, both numbers even.
///
/// `pixel_aspect` is the width of a stored pixel divided by its height.
pub(crate) fn finished_size(stored: Size, pixel_aspect: f64, orientation: Orientation) -> Size {
    let sane = pixel_aspect.is_finite()
        && (1.0 / MAX_PIXEL_ASPECT..=MAX_PIXEL_ASPECT).contains(&pixel_aspect);
    let pixel_aspect = if sane { pixel_aspect } else { 1.0 };
    let (columns, lines, stretch) = if orientation.swaps_axes() {
        (stored.height, stored.width, 1.0 / pixel_aspect)
    } else {
        (stored.width, stored.height, pixel_aspect)
    };
    let aspect = f64::from(columns.max(1)) * stretch / f64::from(lines.max(1));
    let height = lines.min(MAX_LINES).min((f64::from(MAX_WIDTH) / aspect) as u32);
    let height = (height & !1).max(2);
    let width = nearest_even(f64::from(height) * aspect).clamp(2, MAX_WIDTH);
    Size { width, height }
}

fn nearest_even(number: f64) -> u32 {
    // A cast saturates: no number is too large.
    ((number / 2.0).round() as u32).saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn upright(width: u32, height: u32) -> Size {
        finished_size(size(width, height), 1.0, Orientation::Upright)
    }

    #[test]
    fn a_picture_is_scaled_down_to_720_lines_and_never_up() {
        assert_eq!(upright(1920, 1080), size(1280, 720));
        assert_eq!(upright(3840, 2160), size(1280, 720));
        assert_eq!(upright(1280, 720), size(1280, 720));
        assert_eq!(upright(640, 360), size(640, 360));
        assert_eq!(upright(1080, 1920), size(406, 720));
    }

    #[test]
    fn a_smaller_rendition_keeps_the_aspect_ratio() {
        assert_eq!(size(1280, 720).scaled_to(480), size(854, 480));
        assert_eq!(size(406, 720).scaled_to(360), size(204, 360));
        assert_eq!(size(2, 720).scaled_to(360), size(2, 360));
    }

    #[test]
    fn width_and_height_are_even() {
        assert_eq!(upright(639, 359), size(638, 358));
        assert_eq!(upright(1, 1), size(2, 2));
        assert_eq!(upright(1919, 1079), size(1280, 720));
    }

    #[test]
    fn non_square_pixels_become_square() {
        let pal = |aspect| finished_size(size(720, 576), aspect, Orientation::Upright);
        assert_eq!(pal(64.0 / 45.0), size(1024, 576));
        assert_eq!(pal(16.0 / 15.0), size(768, 576));
        assert_eq!(pal(f64::NAN), size(720, 576));
        assert_eq!(pal(0.0), size(720, 576));
        assert_eq!(pal(1e9), size(720, 576));
    }

    #[test]
    fn a_quarter_turn_swaps_width_and_height_and_the_pixel_aspect() {
        let turned = |aspect| finished_size(size(1920, 1080), aspect, Orientation::Right);
        assert_eq!(turned(1.0), size(406, 720));
        assert_eq!(turned(2.0), size(202, 720));
    }

    #[test]
    fn a_very_wide_picture_loses_lines_and_keeps_its_aspect_ratio() {
        assert_eq!(upright(8192, 512), size(4096, 256));
        assert_eq!(upright(30_000, 2), size(4096, 2));
    }

    #[test]
    fn a_display_matrix_gives_the_orientation() {
        const ONE: i32 = 1 << 16;
        let read = |a, b, c, d| {
            let matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30];
            let bytes: Vec<u8> =
                matrix.iter().flat_map(|number: &i32| number.to_ne_bytes()).collect();
            Orientation::from_display_matrix(&bytes)
        };
        assert_eq!(read(ONE, 0, 0, ONE), Some(Orientation::Upright));
        assert_eq!(read(0, ONE, -ONE, 0), Some(Orientation::Right));
        assert_eq!(read(-ONE, 0, 0, -ONE), Some(Orientation::HalfTurn));
        assert_eq!(read(0, -ONE, ONE, 0), Some(Orientation::Left));
        assert_eq!(read(-ONE, 0, 0, ONE), Some(Orientation::Mirrored));
        assert_eq!(read(ONE, 0, 0, -ONE), Some(Orientation::UpsideDownMirrored));
        assert_eq!(read(0, ONE, ONE, 0), Some(Orientation::Transposed));
        assert_eq!(read(0, -ONE, -ONE, 0), Some(Orientation::Transversed));
        assert_eq!(read(i32::MIN, i32::MIN, i32::MIN, i32::MIN), Some(Orientation::HalfTurn));
        assert_eq!(Orientation::from_display_matrix(&[0; 19]), None);
    }
}
