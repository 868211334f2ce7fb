//! Dead letters: records that no version can read.

use domain::{Position, Timestamp};
use infra::database::{Pool, from_bigint, from_int};
use sqlx::postgres::PgConnection;

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
pub async fn dead_letters(pool: &Pool) -> Result<Vec<DeadLetterSummary>, QueryError> {
    let rows = sqlx::query_as!(
        DeadLetterRow,
        r#"select partition, "offset", at, reason from dead_letters order by partition, "offset""#,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(DeadLetterRow::into_summary).collect()
}

/// The newest dead letters, at most `limit`.
pub(super) async fn newest_dead_letters(
    connection: &mut PgConnection,
    limit: u32,
) -> Result<Vec<DeadLetterSummary>, QueryError> {
    let rows = sqlx::query_as!(
        DeadLetterRow,
        r#"select partition, "offset", at, reason from dead_letters
           order by at desc, partition, "offset" desc limit $1"#,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(DeadLetterRow::into_summary).collect()
}

struct DeadLetterRow {
    partition: i32,
    offset: i64,
    at: Timestamp,
    reason: String,
}

impl DeadLetterRow {
    fn into_summary(self) -> Result<DeadLetterSummary, QueryError> {
        let Self { partition, offset, at, reason } = self;
        let position = Position { partition: from_int(partition)?, offset: from_bigint(offset)? };
        Ok(DeadLetterSummary { position, at, reason })
    }
}
