//! Maps a high dynamic range to the standard range (tone mapping). See
//! docs/adr/0014-high-dynamic-range.md.

use ffmpeg_next::color::TransferCharacteristic;
use ffmpeg_next::{filter, frame};

/// Luminance of reference white in HDR, in candela per square metre (ITU-R BT.2408).
const REFERENCE_WHITE: u32 = 203;
/// The brightest level that keeps detail, as a multiple of reference white: about 1,000 cd/m².
const PEAK: u32 = 5;

/// How pixel values encode luminance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransferFunction {
    /// Standard dynamic range.
    Standard,
    /// Perceptual quantiser (SMPTE ST 2084): HDR10, and Dolby Vision with a base layer.
    PerceptualQuantiser,
    /// Hybrid log-gamma (ARIB STD-B67): telephones, television.
    HybridLogGamma,
}

impl TransferFunction {
    /// The transfer function of a frame. Without the `zscale` filter every frame counts as standard.
    pub(super) fn of(frame: &frame::Video) -> Self {
        match frame.color_transfer_characteristic() {
            _ if filter::find("zscale").is_none() => Self::Standard,
            TransferCharacteristic::SMPTE2084 => Self::PerceptualQuantiser,
            TransferCharacteristic::ARIB_STD_B67 => Self::HybridLogGamma,
            _ => Self::Standard,
        }
    }

    /// The filters that map to the standard range. Properties that the picture does not declare have
    /// the values of ITU-R BT.2100.
    pub(super) fn filters(self) -> Option<String> {
        let transfer = match self {
            Self::Standard => return None,
            Self::PerceptualQuantiser => "smpte2084",
            Self::HybridLogGamma => "arib-std-b67",
        };
        Some(format!(
            "format=yuv420p10le,\
             zscale=tin={transfer}:pin=bt2020:min=bt2020nc:rin=tv:t=linear:p=bt2020\
             :npl={REFERENCE_WHITE},\
             format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0:peak={PEAK},\
             zscale=t=bt709:m=bt709:r=tv"
        ))
    }
}
