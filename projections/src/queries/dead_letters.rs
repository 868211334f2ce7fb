//! Dead letters: records that no version can read.

use domain::{Position, Timestamp};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{PgPool, Row};

use crate::query_error::QueryError;

/// A dead letter without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterSummary {
    /// Its position in the log.
    pub position: Position,
    /// When it was appended.
    pub at: Timestamp,
    /// Why it could not be read.
    pub reason: String,
}

/// All dead letters, in the order of their positions.
///
/// # Errors
/// [`QueryError`]
pub async fn dead_letters(pool: &PgPool) -> Result<Vec<DeadLetterSummary>, QueryError> {
    let rows = sqlx::query(
        r#"select partition, "offset", at, reason from dead_letters order by partition, "offset""#,
    )
    .fetch_all(pool)
    .await?;
    let letters: Result<_, sqlx::Error> = rows.iter().map(letter).collect();
    Ok(letters?)
}

/// The newest dead letters, at most `limit`.
pub(super) async fn newest_dead_letters(
    connection: &mut PgConnection,
    limit: u32,
) -> Result<Vec<DeadLetterSummary>, QueryError> {
    let rows = sqlx::query(
        r#"select partition, "offset", at, reason from dead_letters
           order by at desc, partition, "offset" desc limit $1"#,
    )
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let letters: Result<_, sqlx::Error> = rows.iter().map(letter).collect();
    Ok(letters?)
}

fn letter(row: &PgRow) -> Result<DeadLetterSummary, sqlx::Error> {
    let number = |error: std::num::TryFromIntError| sqlx::Error::Decode(error.into());
    Ok(DeadLetterSummary {
        position: Position {
            partition: row.try_get::<i32, _>("partition")?.try_into().map_err(number)?,
            offset: row.try_get::<i64, _>("offset")?.try_into().map_err(number)?,
        },
        at: row.try_get("at")?,
        reason: row.try_get("reason")?,
    })
}
