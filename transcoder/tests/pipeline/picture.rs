//! Size, shape, orientation, watermark.

use crate::clip::{H264, clip, corners, plain, usual};
use crate::finished::{Picture, made};

#[test]
fn a_large_picture_becomes_720_lines() {
    let made = made(&clip("clip.mp4", &usual("1920x1080", "25", 1)));
    assert_eq!(made.size(), (1280, 720));
}

#[test]
fn a_small_picture_keeps_its_size() {
    let made = made(&clip("clip.mp4", &usual("320x240", "25", 1)));
    assert_eq!(made.size(), (320, 240));
}

#[test]
fn a_portrait_keeps_its_aspect_ratio() {
    let made = made(&clip("clip.mp4", &usual("1080x1920", "25", 1)));
    assert_eq!(made.size(), (406, 720));
}

#[test]
fn odd_sizes_become_even() {
    let arguments =
        "-f lavfi -i testsrc2=size=321x181:rate=25:duration=1 -c:v libx264 -pix_fmt yuv444p";
    let made = made(&clip("clip.mkv", arguments));
    assert_eq!(made.size(), (320, 180));
}

#[test]
fn non_square_pixels_become_square() {
    let arguments = format!("{} -vf setsar=64/45", plain("red", "720x576", 1));
    assert_eq!(made(&clip("clip.mp4", &arguments)).size(), (1024, 576));
    let arguments = format!("{} -vf setsar=1/2", plain("red", "1280x480", 1));
    assert_eq!(made(&clip("clip.mkv", &arguments)).size(), (640, 480));
}

#[test]
fn a_picture_is_rotated_as_its_container_declares() {
    let upright = clip("upright.mp4", &corners());
    assert_eq!(made(&upright).frame_at(0.5).corners(), ["red", "lime", "blue", "white"]);
    for (angle, size) in [(90, (180, 320)), (180, (320, 180)), (270, (180, 320))] {
        let turned =
            upright.remade("turned.mp4", &format!("-c copy -metadata:s:v:0 rotate={angle}"));
        let seen = Picture::of(&turned.path, 0.5).corners();
        assert_ne!(seen, ["red", "lime", "blue", "white"], "the source is turned");
        let made = made(&turned);
        assert_eq!(made.size(), size, "{angle}");
        assert_eq!(made.frame_at(0.5).corners(), seen, "{angle}");
    }
}

#[test]
fn a_mirrored_picture_is_mirrored_back() {
    let upright = clip("upright.mp4", &corners());
    let mut bytes = upright.bytes();
    // The matrix of the track header (ISO/IEC 14496-12, 8.3.2): 40 bytes behind the box's type.
    let header = bytes.windows(4).position(|four| four == b"tkhd").unwrap() + 4 + 40;
    assert_eq!(bytes[header..header + 4], (1_i32 << 16).to_be_bytes());
    bytes[header..header + 4].copy_from_slice(&(-(1_i32 << 16)).to_be_bytes());
    let mirrored = crate::clip::Clip::of_bytes(&bytes);
    assert_eq!(made(&mirrored).frame_at(0.5).corners(), ["lime", "red", "white", "blue"]);
}

/// The range of brightness where the watermark is expected: bottom centre.
fn marked(picture: &Picture) -> (i32, i32) {
    let (width, height) = (picture.width, picture.height);
    let middle = width / 3..width * 2 / 3;
    picture.range(middle, height * 9 / 10..height * 39 / 40)
}

fn unmarked(picture: &Picture) -> (i32, i32) {
    picture.range(0..picture.width, 0..picture.height * 7 / 10)
}

#[test]
fn the_watermark_is_legible_on_light_and_on_dark() {
    for size in ["1920x1080", "640x360", "176x144", "406x720"] {
        for colour in ["white", "black", "gray"] {
            let source = clip("clip.mp4", &plain(colour, size, 1));
            let before = Picture::of(&source.path, 0.5);
            let (darkest, brightest) = marked(&before);
            assert!(brightest - darkest < 8, "nothing is there before");

            let after = made(&source).frame_at(0.5);
            let (darkest, brightest) = marked(&after);
            assert!(brightest - darkest > 90, "{colour} {size}: {darkest} to {brightest}");
            assert!(brightest > 200, "{colour} {size}: white letters, {brightest}");
            let (darkest, brightest) = unmarked(&after);
            assert!(brightest - darkest < 8, "{colour} {size}: only there");
        }
    }
}

#[test]
fn the_watermark_stays_inside_the_picture_and_in_the_middle() {
    for size in ["1280x720", "406x720", "128x96"] {
        let after = made(&clip("clip.mp4", &plain("white", size, 1))).frame_at(0.5);
        let is_marked = |x: usize| {
            let rows = after.height * 3 / 4..after.height;
            after.range(x..x + 1, rows).0 < 200
        };
        let columns: Vec<usize> = (0..after.width).filter(|x| is_marked(*x)).collect();
        let (left, right) = (columns[0], after.width - 1 - columns[columns.len() - 1]);
        assert!(left >= 2 && right >= 2, "{size}: {left} {right}");
        assert!(left.abs_diff(right) <= 4, "{size}: {left} {right}");
        assert!(columns.len() * 3 > after.width, "{size}: {}", columns.len());
    }
}

#[test]
fn a_tiny_picture_keeps_its_size() {
    let arguments = "-f lavfi -i testsrc2=size=16x16:rate=25:duration=1 -c:v mpeg4";
    assert_eq!(made(&clip("clip.avi", arguments)).size(), (16, 16));
}

#[test]
fn ten_bits_become_eight() {
    let arguments =
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration=1 -c:v libx264 -pix_fmt yuv420p10le";
    made(&clip("clip.mp4", arguments));
}

#[test]
fn full_range_white_stays_white() {
    // The source has the full range: 0 is black and 255 white, instead of 16 and 235.
    let arguments = "-f lavfi -i color=white:size=320x180:rate=25:duration=1 \
        -vf scale=out_range=pc,format=yuvj420p -c:v mjpeg";
    let frame = made(&clip("clip.avi", arguments)).frame_at(0.5);
    assert!(frame.brightness(160, 20) > 250, "{}", frame.brightness(160, 20));
}

#[test]
fn greys_keep_their_brightness_from_any_range() {
    for (name, more) in [
        ("clip.avi", "-vf scale=out_range=pc,format=yuvj420p -c:v mjpeg"),
        ("clip.webm", "-vf scale=out_range=pc -color_range pc -c:v libvpx-vp9 -deadline realtime"),
        ("clip.mkv", "-vf scale=out_range=pc -color_range pc -c:v ffv1"),
        ("clip.mp4", "-c:v libx264 -pix_fmt yuv420p"),
        ("clip.mov", "-c:v rawvideo -pix_fmt rgb24"),
    ] {
        let grey = "-f lavfi -i color=0x404040:size=320x180:rate=25:duration=1";
        let frame = made(&clip(name, &format!("{grey} {more}"))).frame_at(0.5);
        let brightness = frame.brightness(160, 20);
        assert!(brightness.abs_diff(0x40) <= 3, "{name} {more}: {brightness}");
    }
}

#[test]
fn a_size_that_changes_in_the_middle_is_scaled_to_the_first() {
    let first =
        clip("one.h264", &format!("-f lavfi -i color=red:size=320x180:rate=25:duration=1 {H264}"));
    let second =
        clip("two.h264", &format!("-f lavfi -i color=blue:size=640x360:rate=25:duration=1 {H264}"));
    let both = crate::clip::Clip::of_bytes(&[first.bytes(), second.bytes()].concat());
    let video = both.remade("video.mkv", "-c copy -bsf:v setts=ts=N*40");
    let made = made(&video);
    assert_eq!(made.size(), (320, 180));
    assert_eq!(made.frame_at(0.5).colour(50, 30), "red");
    assert_eq!(made.frame_at(1.5).colour(50, 30), "blue");
}
