//! The lists of an adaptive stream (HTTP Live Streaming, RFC 8216).
//!
//! They are made of numbers only: by the worker, because a child was alone with a stranger's file, and
//! what a list names is signed for whoever asks.

use std::fmt::Write;

use crate::report::{Finished, Segment, Variant};

/// The name of the list of all renditions.
pub(crate) const MASTER: &str = "master.m3u8";
/// AAC, low complexity.
const SOUND: &str = ",mp4a.40.2";

/// The name of a rendition's own list.
pub(crate) fn list_name(variant: &Variant) -> String {
    format!("{}p.m3u8", variant.height)
}

/// The list of all renditions.
pub(crate) fn master(finished: &Finished) -> String {
    let sound = if finished.has_sound { SOUND } else { "" };
    let mut list = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n".to_owned();
    for variant in &finished.variants {
        let Variant { width, height, codec: [profile, constraints, level], .. } = variant;
        let (peak, average) = (peak(variant), average(variant));
        // Writing into a string cannot fail.
        let _ = write!(
            list,
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},\
             RESOLUTION={width}x{height},\
             CODECS=\"avc1.{profile:02x}{constraints:02x}{level:02x}{sound}\"\n{}\n",
            list_name(variant),
        );
    }
    list
}

/// The list of a rendition's segments.
pub(crate) fn list(variant: &Variant) -> String {
    let file = Variant::file_name(variant.height);
    let longest = variant.segments.iter().map(|segment| segment.ms).max().unwrap_or(0);
    let (target, header) = (longest.div_ceil(1000).max(1), variant.header_bytes);
    let mut list = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"{file}\",BYTERANGE=\"{header}@0\"\n"
    );
    let mut at = header;
    for Segment { ms, bytes } in &variant.segments {
        let (seconds, rest) = (ms / 1000, ms % 1000);
        // As above.
        let _ =
            write!(list, "#EXTINF:{seconds}.{rest:03},\n#EXT-X-BYTERANGE:{bytes}@{at}\n{file}\n");
        at += bytes;
    }
    list.push_str("#EXT-X-ENDLIST\n");
    list
}

/// Bits per second of the segment that needs most. A last one that is over at once says nothing.
fn peak(variant: &Variant) -> u64 {
    let full = variant.segments.iter().filter(|segment| segment.ms >= 500);
    full.map(|segment| segment.bytes * 8000 / segment.ms).max().unwrap_or(0).max(average(variant))
}

fn average(variant: &Variant) -> u64 {
    let total = |of: fn(&Segment) -> u64| variant.segments.iter().map(of).sum::<u64>();
    (total(|segment| segment.bytes) * 8000 / total(|segment| segment.ms).max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(height: u32, segments: &[(u64, u64)]) -> Variant {
        Variant {
            width: 640,
            height,
            codec: [0x64, 0, 0x1e],
            header_bytes: 900,
            segments: segments.iter().map(|&(ms, bytes)| Segment { ms, bytes }).collect(),
        }
    }

    #[test]
    fn the_master_names_each_rendition_with_what_it_needs() {
        let finished = Finished {
            duration_ms: 3_040,
            width: 640,
            height: 480,
            bytes: 1,
            cpu_ms: 1,
            has_sound: true,
            variants: vec![variant(480, &[(2_000, 100_000), (1_000, 80_000), (40, 30_000)])],
        };
        let line = "#EXT-X-STREAM-INF:BANDWIDTH=640000,AVERAGE-BANDWIDTH=552631,\
                    RESOLUTION=640x480,CODECS=\"avc1.64001e,mp4a.40.2\"\n480p.m3u8\n";
        assert!(master(&finished).ends_with(line), "{}", master(&finished));
        let silent = Finished { has_sound: false, ..finished };
        assert!(master(&silent).contains("CODECS=\"avc1.64001e\""));
    }

    #[test]
    fn a_list_says_where_each_segment_lies() {
        assert_eq!(
            list(&variant(360, &[(2_000, 500), (2_033, 400)])),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXT-X-PLAYLIST-TYPE:VOD\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"360p.mp4\",BYTERANGE=\"900@0\"\n\
             #EXTINF:2.000,\n#EXT-X-BYTERANGE:500@900\n360p.mp4\n\
             #EXTINF:2.033,\n#EXT-X-BYTERANGE:400@1400\n360p.mp4\n#EXT-X-ENDLIST\n"
        );
    }
}
