//! The playlists of an adaptive stream (HTTP Live Streaming, RFC 8216).
//!
//! The worker writes them from numbers only. A child that an untrusted file controls could name any
//! object of the store in a playlist, and the API signs what a playlist names.

use std::fmt::Write;

use crate::finished_video::{FinishedVideo, Segment, Variant};

/// File name of the master playlist.
pub(crate) const MASTER_PLAYLIST: &str = "master.m3u8";
/// Codec parameter of AAC-LC (RFC 6381).
const SOUND_CODEC: &str = ",mp4a.40.2";

/// File name of a rendition's media playlist.
pub(crate) fn media_playlist_name(variant: &Variant) -> String {
    format!("{}p.m3u8", variant.height)
}

/// The master playlist: all renditions with their bandwidths.
pub(crate) fn master_playlist(finished: &FinishedVideo) -> String {
    let sound = if finished.has_sound { SOUND_CODEC } else { "" };
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
            media_playlist_name(variant),
        );
    }
    list
}

/// A rendition's media playlist: the byte range of each segment.
pub(crate) fn media_playlist(variant: &Variant) -> String {
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
        // Writing into a string cannot fail.
        let _ =
            write!(list, "#EXTINF:{seconds}.{rest:03},\n#EXT-X-BYTERANGE:{bytes}@{at}\n{file}\n");
        at += bytes;
    }
    list.push_str("#EXT-X-ENDLIST\n");
    list
}

/// Highest bit rate of a segment, in bits per second. Segments below 500 ms don't count: a short last
/// segment has an extreme rate.
fn peak(variant: &Variant) -> u64 {
    let full = variant.segments.iter().filter(|segment| segment.ms >= 500);
    full.map(|segment| segment.bytes * 8000 / segment.ms).max().unwrap_or(0).max(average(variant))
}

/// Bits per second of the whole rendition.
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
    fn the_master_playlist_names_each_rendition_with_its_bandwidth_and_codecs() {
        let variants = vec![variant(480, &[(2_000, 100_000), (1_000, 80_000), (40, 30_000)])];
        let finished = FinishedVideo { variants, ..FinishedVideo::example() };
        let line = "#EXT-X-STREAM-INF:BANDWIDTH=640000,AVERAGE-BANDWIDTH=552631,\
                    RESOLUTION=640x480,CODECS=\"avc1.64001e,mp4a.40.2\"\n480p.m3u8\n";
        assert!(master_playlist(&finished).ends_with(line), "{}", master_playlist(&finished));
        let silent = FinishedVideo { has_sound: false, ..finished };
        assert!(master_playlist(&silent).contains("CODECS=\"avc1.64001e\""));
    }

    #[test]
    fn a_media_playlist_gives_the_byte_range_of_each_segment() {
        assert_eq!(
            media_playlist(&variant(360, &[(2_000, 500), (2_033, 400)])),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXT-X-PLAYLIST-TYPE:VOD\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"360p.mp4\",BYTERANGE=\"900@0\"\n\
             #EXTINF:2.000,\n#EXT-X-BYTERANGE:500@900\n360p.mp4\n\
             #EXTINF:2.033,\n#EXT-X-BYTERANGE:400@1400\n360p.mp4\n#EXT-X-ENDLIST\n"
        );
    }
}
