//! Unsigned numbers in columns: Postgres has only signed ones.

/// A count or an offset as `bigint`; none of ours comes near 2^63.
pub fn to_bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A `bigint` as a count or an offset.
///
/// # Errors
/// [`sqlx::Error::Decode`] if the column holds a negative number.
pub fn from_bigint(number: i64) -> Result<u64, sqlx::Error> {
    number.try_into().map_err(decode)
}

/// A partition, a version or an attempt as `integer`; none of ours comes near 2^31.
pub fn to_int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// An `integer` as a partition, a version or an attempt.
///
/// # Errors
/// [`sqlx::Error::Decode`] if the column holds a negative number.
pub fn from_int(number: i32) -> Result<u32, sqlx::Error> {
    number.try_into().map_err(decode)
}

fn decode(error: std::num::TryFromIntError) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
