//! High dynamic range: on a usual screen it looks as it was meant, and not washed out.

use crate::clip::{Clip, clip};
use crate::finished::{Picture, made};

/// White paper, a red and a grey corner, lit as the standard for such pictures wants it.
fn filmed_with(transfer: &str) -> Clip {
    let usual = "color=white:size=320x180:rate=25:duration=1,\
        drawbox=0:0:160:90:red:fill,drawbox=160:0:160:90:0x808080:fill,format=yuv420p,\
        setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv";
    let brightened = format!(
        "zscale=tin=bt709:min=bt709:pin=bt709:t=linear:npl=203,format=gbrpf32le,\
         zscale=t={transfer}:m=bt2020nc:p=bt2020:npl=203,format=yuv420p10le"
    );
    let codec = "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1";
    clip(
        "clip.mp4",
        &format!(
            "-f lavfi -i {usual},{brightened} {codec} \
             -color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc"
        ),
    )
}

#[test]
fn a_high_dynamic_range_is_brought_into_the_usual_one() {
    for transfer in ["smpte2084", "arib-std-b67"] {
        let source = filmed_with(transfer);
        let untouched = Picture::of(&source.path, 0.5).brightness(40, 110);
        assert!(untouched < 195, "{transfer}: the source is not washed out: {untouched}");

        let made = made(&source);
        let picture = made.stream("video").unwrap();
        for what in ["color_transfer", "color_primaries", "color_space"] {
            assert_eq!(picture[what], "bt709", "{transfer} {what}");
        }
        let frame = made.frame_at(0.5);
        let white = frame.brightness(40, 110);
        assert!(white > 205, "{transfer}: white is {white}");
        let grey = frame.brightness(240, 45);
        assert!(grey.abs_diff(0x80) <= 12, "{transfer}: grey is {grey}");
        let [red, green, blue] = frame.at(80, 45);
        assert!(red > 200 && green < 60 && blue < 60, "{transfer}: red is {red} {green} {blue}");
    }
}

/// ProRes says it in the header of each frame, where the decoder takes it from as it is.
#[test]
fn colours_that_no_standard_knows_are_as_good_as_unspecified() {
    let source =
        clip("clip.mov", "-f lavfi -i color=white:size=160x90:rate=25:duration=1 -c:v prores");
    let mut bytes = source.bytes();
    let frames: Vec<usize> =
        (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"icpf")).collect();
    assert_eq!(frames.len(), 25);
    for frame in frames {
        // Primaries, transfer characteristic, matrix: 14 bytes into the header.
        bytes[frame + 18..frame + 21].fill(200);
    }
    made(&Clip::of_bytes(&bytes));
}

#[test]
fn what_such_a_picture_does_not_say_about_itself_is_known_from_the_standard() {
    let arguments = "-f lavfi -i color=white:size=160x90:rate=25:duration=1 \
        -c:v libx264 -pix_fmt yuv420p10le -color_trc smpte2084";
    made(&clip("clip.mkv", arguments));
}
