//! Checksums of the read models, for the comparison of two generations.
//!
//! The statements contain names of schemas, so they cannot be checked at compile time.

use std::collections::BTreeMap;
use std::fmt;

use infra::database::Pool;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::generations::tables;

/// A read model, and the columns and rows that count. Values that depend on the sizes of batches do not.
struct Table {
    name: &'static str,
    columns: &'static str,
    rows: &'static str,
}

const fn whole(name: &'static str) -> Table {
    Table { name, columns: "t.*", rows: "true" }
}

const TABLES: [Table; 9] = [
    // A partition without events has a row as soon as a projector has owned it.
    Table { name: "checkpoints", columns: "partition, next_offset", rows: "next_offset > 0" },
    whole("accounts"),
    whole("operator_terms"),
    whole("videos"),
    whole("votes"),
    whole("rejections"),
    Table {
        name: "ranking",
        columns: "artist_id, votes, reached_at, city, country, city_key, country_key",
        rows: "votes is not null",
    },
    whole("transcode_jobs"),
    whole("dead_letters"),
];

impl Table {
    /// A query of its rows as lines of text.
    fn lines(&self, schema: &str) -> String {
        let Self { name, columns, rows } = self;
        format!("select row({columns})::text as line from {schema}.{name} t where {rows}")
    }
}

/// The checksum of one read model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// The number of rows that count.
    pub rows: u64,
    /// A digest of these rows. It does not depend on their order.
    pub digest: String,
}

/// Checksums by table.
pub type Checksums = BTreeMap<&'static str, Checksum>;

/// A read model that differs between two generations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The live one.
    pub live: Checksum,
    /// That of the next generation.
    pub next: Checksum,
    /// Some of the rows that only one of the generations has.
    pub rows: Vec<UnmatchedRow>,
}

/// A row that only one of two generations has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedRow {
    /// Whether the live generation has it.
    pub live: bool,
    /// The row.
    pub row: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} rows live, {} in the next", self.table, self.live.rows, self.next.rows)?;
        for UnmatchedRow { live, row } in &self.rows {
            write!(f, "\n  only {}: {row}", if *live { "live" } else { "in the next" })?;
        }
        Ok(())
    }
}

/// Unmatched rows that are listed for each generation.
const MAX_UNMATCHED_ROWS: u32 = 5;
/// Characters that are listed of a row.
const MAX_ROW_LENGTH: u32 = 300;

/// The checksum of every live read model, all in one snapshot.
///
/// # Errors
/// If a query fails.
pub async fn checksums(pool: &Pool) -> Result<Checksums, sqlx::Error> {
    let mut session = pool.acquire().await?;
    let mut tx = session.begin().await?;
    begin_snapshot(&mut tx).await?;
    let home = tables::home(&mut tx).await?;
    let checksums = of_generation(&mut tx, &home).await?;
    tx.commit().await?;
    Ok(checksums)
}

/// Makes the transaction a snapshot of this moment, and locks the tables against a switch of generations.
pub(crate) async fn begin_snapshot(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let names = TABLES.map(|table| table.name).join(", ");
    // Times are printed in the session's zone.
    let begin = format!(
        "set transaction isolation level repeatable read, read only;
         set local timezone = 'UTC';
         lock table {names} in access share mode;
         select 1"
    );
    sqlx::raw_sql(AssertSqlSafe(begin)).execute(connection).await?;
    Ok(())
}

/// The checksum of every read model in a schema.
pub(crate) async fn of_generation(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<Checksums, sqlx::Error> {
    let mut checksums = BTreeMap::new();
    for table in &TABLES {
        checksums.insert(table.name, checksum(connection, &table.lines(schema)).await?);
    }
    Ok(checksums)
}

/// The differences between the read models of two schemas.
pub(crate) async fn differences(
    connection: &mut PgConnection,
    live: (&str, &Checksums),
    next: (&str, &Checksums),
) -> Result<Vec<Difference>, sqlx::Error> {
    let mut differences = Vec::new();
    for table in &TABLES {
        let (Some(of_live), Some(of_next)) = (live.1.get(table.name), next.1.get(table.name))
        else {
            continue;
        };
        if of_live == of_next {
            continue;
        }
        let (ours, theirs) = (table.lines(live.0), table.lines(next.0));
        let mut rows = Vec::new();
        for (live, these, those) in [(true, &ours, &theirs), (false, &theirs, &ours)] {
            let unmatched = unmatched(connection, these, those).await?;
            rows.extend(unmatched.into_iter().map(|row| UnmatchedRow { live, row }));
        }
        let (live, next) = (of_live.clone(), of_next.clone());
        differences.push(Difference { table: table.name, live, next, rows });
    }
    Ok(differences)
}

/// Some of the lines that `these` has and `those` lacks.
async fn unmatched(
    connection: &mut PgConnection,
    these: &str,
    those: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = format!(
        "select left(line, {MAX_ROW_LENGTH}) from ({these} except all {those}) as unmatched
         order by line limit {MAX_UNMATCHED_ROWS}"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_all(connection).await
}

/// Hashes each row and adds the hashes, which needs neither a sort nor memory.
async fn checksum(connection: &mut PgConnection, lines: &str) -> Result<Checksum, sqlx::Error> {
    let sql = format!(
        "select count(*), coalesce(sum(('x' || substr(md5(line), 1, 15))::bit(60)::bigint), 0)::text
                          || '-' ||
                          coalesce(sum(('x' || substr(md5(line), 17, 15))::bit(60)::bigint), 0)::text
         from ({lines}) as lines"
    );
    let (rows, digest): (i64, String) =
        sqlx::query_as(AssertSqlSafe(sql)).persistent(false).fetch_one(connection).await?;
    Ok(Checksum { rows: rows.unsigned_abs(), digest })
}
