//! High dynamic range is mapped to the standard range.

use crate::clip::{Clip, clip};
use crate::finished::{Picture, made};

/// Reference white with a red and a grey corner, at the luminance of ITU-R BT.2408.
fn clip_with_transfer(transfer: &str) -> Clip {
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
fn a_high_dynamic_range_is_mapped_to_the_standard_range() {
    for transfer in ["smpte2084", "arib-std-b67"] {
        let source = clip_with_transfer(transfer);
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

/// The ProRes decoder copies the colour properties from each frame's header unchecked.
#[test]
fn undefined_colour_properties_count_as_unspecified() {
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
fn undeclared_hdr_properties_have_the_values_of_the_standard() {
    let arguments = "-f lavfi -i color=white:size=160x90:rate=25:duration=1 \
        -c:v libx264 -pix_fmt yuv420p10le -color_trc smpte2084";
    made(&clip("clip.mkv", arguments));
}
