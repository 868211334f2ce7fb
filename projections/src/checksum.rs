//! A checksum per read model, so that one generation can be held against another.

use std::collections::BTreeMap;
use std::fmt;

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::generations::tables;

/// A read model and what counts of it: everything but what depends on how the log was cut into
/// batches.
struct Table {
    name: &'static str,
    columns: &'static str,
    rows: &'static str,
}

const fn whole(name: &'static str) -> Table {
    Table { name, columns: "t.*", rows: "true" }
}

const TABLES: [Table; 9] = [
    // A partition without an event has a row once somebody has owned it.
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
    /// Its rows as lines of text.
    fn lines(&self, schema: &str) -> String {
        let Self { name, columns, rows } = self;
        format!("select row({columns})::text as line from {schema}.{name} t where {rows}")
    }
}

/// Rows and checksum of one read model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How many rows count.
    pub rows: u64,
    /// The digest of all of them; the order of rows does not matter.
    pub digest: String,
}

/// By the name of the table.
pub type Checksums = BTreeMap<&'static str, Checksum>;

/// A read model that is not the same in two generations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// What is live.
    pub live: Checksum,
    /// What the next generation holds instead.
    pub next: Checksum,
    /// Some of the rows that only one of them has.
    pub rows: Vec<UnmatchedRow>,
}

/// A row that only one of two generations has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedRow {
    /// Whether it is live.
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

/// So many rows of each side are shown, and so much of each.
const SHOWN: u32 = 5;
const SHOWN_OF_A_ROW: u32 = 300;

/// The checksum of every read model that is live, all at one moment.
///
/// # Errors
/// If the database cannot be asked.
pub async fn checksums(pool: &PgPool) -> Result<Checksums, sqlx::Error> {
    let mut tx = pool.begin().await?;
    begin_snapshot(&mut tx).await?;
    let home = tables::home(&mut tx).await?;
    let checksums = of_generation(&mut tx, &home).await?;
    tx.commit().await?;
    Ok(checksums)
}

/// From here on the transaction sees this moment. It also holds on to the tables, so that
/// none of them becomes another generation's in the middle.
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

/// In what the read models of two schemas differ, as far as the transaction sees.
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

/// Some of the lines that are among these and not among those.
async fn unmatched(
    connection: &mut PgConnection,
    these: &str,
    those: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = format!(
        "select left(line, {SHOWN_OF_A_ROW}) from ({these} except all {those}) as unmatched
         order by line limit {SHOWN}"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_all(connection).await
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
        sqlx::query_as(AssertSqlSafe(sql)).persistent(false).fetch_one(connection).await?;
    Ok(Checksum { rows: rows.unsigned_abs(), digest })
}
