//! Reading: everything from a position on, and a wait for more.

use std::collections::BTreeMap;
use std::num::TryFromIntError;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::Position;
use sqlx::postgres::{PgListener, PgRow};
use sqlx::types::Json;
use sqlx::{Executor, PgPool, Postgres, Row};

use super::{CHANNEL, offset_number, partition_number};
use crate::event_log::{LogReader, ReadError, Record};

/// How often a reader that hears nothing makes sure that the log is still the one it reads.
const CHECK: Duration = Duration::from_secs(1);

/// Where each partition begins and ends.
pub(super) struct Heads(BTreeMap<u32, Head>);

struct Head {
    first: u64,
    end: u64,
}

impl Heads {
    pub(super) async fn read(
        executor: impl Executor<'_, Database = Postgres>,
    ) -> Result<Self, sqlx::Error> {
        let rows: Vec<(i32, i64, i64)> = sqlx::query_as(
            r#"select h.partition, h.next_offset, coalesce(
                   (select min(e."offset") from event_log e where e.partition = h.partition),
                   h.next_offset)
               from event_log_heads h"#,
        )
        .fetch_all(executor)
        .await?;
        let head = |(partition, end, first): (i32, i64, i64)| {
            let head = Head { first: first.try_into()?, end: end.try_into()? };
            Ok::<_, TryFromIntError>((partition.try_into()?, head))
        };
        let heads: Result<_, _> = rows.into_iter().map(head).collect();
        heads.map(Self).map_err(|error| sqlx::Error::Decode(error.into()))
    }

    /// The offset that the next record of a partition will get.
    pub(super) fn end(&self, partition: u32) -> u64 {
        self.0.get(&partition).map_or(0, |head| head.end)
    }

    /// Makes sure that reading can go on from here.
    fn check(&self, at: Position) -> Result<(), ReadError> {
        let (first, end) = self.0.get(&at.partition).map_or((0, 0), |head| (head.first, head.end));
        if (first..=end).contains(&at.offset) {
            return Ok(());
        }
        Err(ReadError::OffsetGone { partition: at.partition, requested: at.offset, first, end })
    }
}

/// A reader with a connection of its own, on which it also listens.
pub(super) struct PostgresReader {
    pool: PgPool,
    connection: Option<PgListener>,
    next: BTreeMap<u32, u64>,
}

impl PostgresReader {
    pub(super) async fn open(pool: &PgPool, from: &[Position]) -> Result<Self, ReadError> {
        let next = from.iter().map(|at| (at.partition, at.offset)).collect();
        let mut reader = Self { pool: pool.clone(), connection: None, next };
        reader.check().await?;
        Ok(reader)
    }

    async fn connection(&mut self) -> Result<&mut PgListener, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut listener = PgListener::connect_with(&self.pool).await?;
                // The pool waits for all connections when it closes; this one has to let go.
                listener.ignore_pool_close_event(false);
                listener.listen(CHANNEL).await?;
                listener
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Makes sure that the log still has everything from here on.
    async fn check(&mut self) -> Result<(), ReadError> {
        let heads = Heads::read(self.connection().await.map_err(ReadError::unavailable)?).await;
        let heads = heads.map_err(ReadError::unavailable)?;
        let mut next = self.next.iter();
        next.try_for_each(|(&partition, &offset)| heads.check(Position { partition, offset }))
    }

    /// What is there now.
    async fn fetch(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        let partitions: Vec<i32> = self.next.keys().copied().map(partition_number).collect();
        let offsets: Vec<i64> = self.next.values().copied().map(offset_number).collect();
        // A fair share each, so that a partition that is far behind does not hold up the others.
        let share = max.div_ceil(self.next.len().max(1));
        let connection = self.connection().await.map_err(ReadError::unavailable)?;
        let rows = sqlx::query(
            r#"select e.partition, e."offset", e.appended_at, e.key, e.headers, e.value
               from unnest($1::int[], $2::bigint[]) as n (partition, next_offset)
               cross join lateral (
                   select * from event_log l
                   where l.partition = n.partition and l."offset" >= n.next_offset
                   order by l."offset" limit $3
               ) as e
               order by e.partition, e."offset" limit $4"#,
        )
        .bind(partitions)
        .bind(offsets)
        .bind(i64::try_from(share).unwrap_or(i64::MAX))
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await
        .map_err(ReadError::unavailable)?;
        let records: Result<Vec<Record>, _> = rows.iter().map(record).collect();
        records.map_err(ReadError::unavailable)
    }

    /// Passes the records, each of which must follow the one before it.
    fn pass(&mut self, records: &[Record]) -> bool {
        let mut next = self.next.clone();
        for Position { partition, offset } in records.iter().map(|record| record.position) {
            if next.get(&partition) != Some(&offset) {
                return false;
            }
            next.insert(partition, offset + 1);
        }
        self.next = next;
        true
    }

    async fn wait(&mut self) -> Result<(), ReadError> {
        let connection = self.connection().await.map_err(ReadError::unavailable)?;
        match tokio::time::timeout(CHECK, connection.try_recv()).await {
            Ok(Ok(Some(_))) => Ok(()),
            Ok(Ok(None)) => Err(ReadError::unavailable("the connection was lost")),
            Ok(Err(error)) => Err(ReadError::unavailable(error)),
            Err(_) => self.check().await,
        }
    }

    async fn try_next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        loop {
            // What was appended before the query below is in its answer.
            while self.connection().await.map_err(ReadError::unavailable)?.next_buffered().is_some()
            {
            }
            let records = self.fetch(max).await?;
            if records.is_empty() {
                self.wait().await?;
                continue;
            }
            if self.pass(&records) {
                return Ok(records);
            }
            // A gap: the log has been truncated under us, which the check says better.
            self.check().await?;
            return Err(ReadError::unavailable("the log has a gap"));
        }
    }
}

#[async_trait]
impl LogReader for PostgresReader {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        let records = self.try_next(max).await;
        if records.is_err() {
            self.connection = None;
        }
        records
    }
}

fn record(row: &PgRow) -> Result<Record, sqlx::Error> {
    let decode = |error: TryFromIntError| sqlx::Error::Decode(error.into());
    let Json(headers) = row.try_get::<Json<Vec<(String, String)>>, _>("headers")?;
    Ok(Record {
        position: Position {
            partition: u32::try_from(row.try_get::<i32, _>("partition")?).map_err(decode)?,
            offset: u64::try_from(row.try_get::<i64, _>("offset")?).map_err(decode)?,
        },
        at: row.try_get("appended_at")?,
        key: row.try_get::<Option<Vec<u8>>, _>("key")?.map(Bytes::from),
        headers: headers.into_iter().map(|(name, value)| (name, Bytes::from(value))).collect(),
        value: row.try_get::<Option<Vec<u8>>, _>("value")?.map(Bytes::from),
    })
}
