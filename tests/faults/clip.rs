//! The clip that every client uploads.

use super::encode::encode;

/// Half a second, as small as possible.
pub(crate) fn tiny() -> Vec<u8> {
    encode("testsrc2=size=128x72:rate=10:duration=0.5", 0.5, &["-preset", "ultrafast"])
}
