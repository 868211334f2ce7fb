//! The baseline of a rebuild: binary `COPY` of the rows of every read model.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures_util::TryStreamExt;
use infra::database::Pool;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

const TABLES: [&str; 9] = [
    "checkpoints",
    "accounts",
    "videos",
    "votes",
    "rejections",
    "ranking",
    "ranking_head",
    "transcode_jobs",
    "dead_letters",
];

/// Copies every read model into empty tables with the same indexes. Returns the time of the inserts.
pub(crate) async fn all(pool: &Pool) -> Result<Duration> {
    let mut connection = pool.acquire().await?;
    run(&mut connection, "create schema copied").await?;
    let mut took = Duration::ZERO;
    for table in TABLES {
        let rows: Vec<Bytes> = connection
            .copy_out_raw(&format!("copy {table} to stdout (format binary)"))
            .await?
            .try_collect()
            .await?;
        run(&mut connection, &format!("select clone_table('{table}', 'copied')")).await?;
        let started = Instant::now();
        let copy = format!("copy copied.{table} from stdin (format binary)");
        let mut copying = connection.copy_in_raw(&copy).await?;
        for chunk in rows {
            copying.send(chunk).await?;
        }
        copying.finish().await?;
        took += started.elapsed();
    }
    run(&mut connection, "drop schema copied cascade").await?;
    Ok(took)
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await?;
    Ok(())
}
