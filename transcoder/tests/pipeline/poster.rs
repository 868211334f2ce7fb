//! The poster.

use crate::clip::{H264, clip, plain};
use crate::finished::{Picture, made};

#[test]
fn the_poster_skips_a_fade_in_from_black() {
    let arguments =
        format!("-f lavfi -i testsrc2=size=320x180:rate=25:duration=4,fade=in:st=0.5:d=1 {H264}");
    let made = made(&clip("clip.mp4", &arguments));
    assert_eq!(made.frame_at(0.0).range(0..320, 0..100).1, 0, "the video begins black");
    let poster = Picture::of(&made.poster, 0.0);
    let (darkest, brightest) = poster.range(0..320, 0..100);
    assert!(brightest > 150 && darkest < 50, "{darkest} {brightest}");
}

#[test]
fn a_black_video_has_a_poster() {
    let made = made(&clip("clip.mp4", &plain("black", "320x180", 1)));
    assert!(std::fs::metadata(&made.poster).unwrap().len() > 500);
}

#[test]
fn the_poster_has_the_colours_of_the_video() {
    let made = made(&clip("clip.mp4", &plain("white", "320x180", 1)));
    assert!(Picture::of(&made.poster, 0.0).brightness(160, 20) > 250);
}
