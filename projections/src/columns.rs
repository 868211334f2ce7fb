//! Numbers as Postgres keeps them: it has no unsigned ones.

/// A count, an offset: none comes near 2^63.
pub(crate) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A partition, a dimension, an attempt: far below 2^31.
pub(crate) fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
