//! Colours: what was filmed with a high dynamic range is brought into the range that every screen
//! shows. See docs/adr/0014-high-dynamic-range.md.

use ffmpeg_next::color::TransferCharacteristic;
use ffmpeg_next::{filter, frame};

/// How bright white paper is in such a picture, in candela per square metre (ITU-R BT.2408).
const WHITE: u32 = 203;
/// The brightest light that keeps some of its drawing, as a multiple of that: about 1,000 cd/m².
const PEAK: u32 = 5;

/// How brightness is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Light {
    /// As every screen expects it.
    Standard,
    /// Perceptual quantiser (SMPTE ST 2084): HDR10, Dolby Vision with a base layer.
    Quantised,
    /// Hybrid log-gamma (ARIB STD-B67): telephones, television.
    HybridLogGamma,
}

impl Light {
    pub(super) fn of(frame: &frame::Video) -> Self {
        match frame.color_transfer_characteristic() {
            _ if filter::find("zscale").is_none() => Self::Standard,
            TransferCharacteristic::SMPTE2084 => Self::Quantised,
            TransferCharacteristic::ARIB_STD_B67 => Self::HybridLogGamma,
            _ => Self::Standard,
        }
    }

    /// The filters that bring it into the standard range; what the picture does not say about itself
    /// is what the standards for such pictures say (ITU-R BT.2100).
    pub(super) fn filters(self) -> Option<String> {
        let transfer = match self {
            Self::Standard => return None,
            Self::Quantised => "smpte2084",
            Self::HybridLogGamma => "arib-std-b67",
        };
        Some(format!(
            "format=yuv420p10le,\
             zscale=tin={transfer}:pin=bt2020:min=bt2020nc:rin=tv:t=linear:p=bt2020:npl={WHITE},\
             format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0:peak={PEAK},\
             zscale=t=bt709:m=bt709:r=tv"
        ))
    }
}
