//! A checksum per read model, so that a rebuild can be held against what was live before.

use std::collections::BTreeMap;

use sqlx::{PgConnection, PgPool};

/// The read models and what counts of each: everything but generations, which depend on how the log
/// was cut into batches.
const TABLES: [(&str, &str); 8] = [
    ("checkpoints", "select row(partition, next_offset)::text as line from checkpoints"),
    ("accounts", "select row(t.*)::text as line from accounts t"),
    ("videos", "select row(t.*)::text as line from videos t"),
    ("votes", "select row(t.*)::text as line from votes t"),
    ("rejections", "select row(t.*)::text as line from rejections t"),
    (
        "ranking",
        "select row(artist_id, votes, reached_at, city, country, city_key, country_key)::text as line
         from ranking where votes is not null",
    ),
    ("transcode_jobs", "select row(t.*)::text as line from transcode_jobs t"),
    ("dead_letters", "select row(t.*)::text as line from dead_letters t"),
];

/// Rows and checksum of one read model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How many rows count.
    pub rows: u64,
    /// The digest of all of them; the order of rows does not matter.
    pub digest: String,
}

/// The checksum of every read model, by table name, all at one moment.
///
/// # Errors
/// If the database cannot be asked.
pub async fn checksums(pool: &PgPool) -> Result<BTreeMap<&'static str, Checksum>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    // Times are printed in the session's zone.
    sqlx::query("set local timezone = 'UTC'").execute(&mut *tx).await?;
    let mut checksums = BTreeMap::new();
    for (table, lines) in TABLES {
        checksums.insert(table, checksum(&mut tx, lines).await?);
    }
    tx.commit().await?;
    Ok(checksums)
}

/// Rows are hashed one by one and the hashes summed up, so that no sort and no memory is needed.
async fn checksum(connection: &mut PgConnection, lines: &str) -> Result<Checksum, sqlx::Error> {
    let sql = format!(
        "select count(*), coalesce(sum(('x' || substr(md5(line), 1, 15))::bit(60)::bigint), 0)::text
                          || '-' ||
                          coalesce(sum(('x' || substr(md5(line), 17, 15))::bit(60)::bigint), 0)::text
         from ({lines}) as lines"
    );
    let (rows, digest): (i64, String) =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await?;
    Ok(Checksum { rows: rows.unsigned_abs(), digest })
}
