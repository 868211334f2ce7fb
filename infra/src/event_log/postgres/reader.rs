//! Reads from a position on, and waits for new records.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Position;
use sqlx::types::Json;
use sqlx::{Executor, Postgres};

use super::appender::CHANNEL;
use crate::database::{Listener, Pool, from_bigint, from_int, to_bigint, to_int};
use crate::event_log::{LogReader, ReadError, Record};
use crate::timeout::{self, TimedOut, within};

/// After so long without a notification a reader checks that its offsets still exist.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Bounds a statement. A dropped connection gives no error, and would stop the reader.
const READ_TIMEOUT: Duration = Duration::from_secs(4);

/// The first offset and the end of each partition.
pub(super) struct PartitionHeads(BTreeMap<u32, PartitionHead>);

struct PartitionHead {
    first: u64,
    end: u64,
}

impl PartitionHeads {
    pub(super) async fn read(
        executor: impl Executor<'_, Database = Postgres>,
    ) -> Result<Self, sqlx::Error> {
        let heads = sqlx::query!(
            r#"select h.partition, h.next_offset, coalesce(
                   (select min(e."offset") from event_log e where e.partition = h.partition),
                   h.next_offset) as "first!"
               from event_log_heads h"#,
        )
        .fetch_all(executor)
        .await?;
        let mut known = BTreeMap::new();
        for head in heads {
            let (first, end) = (from_bigint(head.first)?, from_bigint(head.next_offset)?);
            known.insert(from_int(head.partition)?, PartitionHead { first, end });
        }
        Ok(Self(known))
    }

    /// The offset that the next record of a partition will get.
    pub(super) fn end(&self, partition: u32) -> u64 {
        self.0.get(&partition).map_or(0, |head| head.end)
    }

    /// Checks that the offset exists or is the end.
    fn check(&self, at: Position) -> Result<(), ReadError> {
        let (first, end) = self.0.get(&at.partition).map_or((0, 0), |head| (head.first, head.end));
        if (first..=end).contains(&at.offset) {
            return Ok(());
        }
        Err(ReadError::OffsetGone { partition: at.partition, requested: at.offset, first, end })
    }
}

/// A reader with its own connection, on which it also listens for notifications.
pub(super) struct PostgresReader {
    pool: Pool,
    connection: Option<Listener>,
    /// When a statement was sent that has no answer yet. A projector drops [`LogReader::next`] at every
    /// heartbeat, so a bound of that future alone would never be reached.
    unanswered: Option<Instant>,
    /// When the connection and the offsets were checked.
    checked: Instant,
    next: BTreeMap<u32, u64>,
}

impl PostgresReader {
    pub(super) async fn open(pool: &Pool, from: &[Position]) -> Result<Self, ReadError> {
        let next = from.iter().map(|at| (at.partition, at.offset)).collect();
        let mut reader = Self {
            pool: pool.clone(),
            connection: None,
            unanswered: None,
            checked: Instant::now(),
            next,
        };
        let checked = within("log_read", READ_TIMEOUT, reader.check()).await;
        checked.map_err(ReadError::unavailable)??;
        Ok(reader)
    }

    async fn listener(&mut self) -> Result<&mut Listener, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Listener::open(&self.pool, CHANNEL).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Checks that the log still holds all records from the next offsets on.
    async fn check(&mut self) -> Result<(), ReadError> {
        let listener = self.listener().await.map_err(ReadError::unavailable)?;
        let connection = listener.connection().await.map_err(ReadError::unavailable)?;
        let heads = PartitionHeads::read(connection).await.map_err(ReadError::unavailable)?;
        let mut next = self.next.iter();
        next.try_for_each(|(&partition, &offset)| heads.check(Position { partition, offset }))
    }

    /// The available records, without waiting.
    async fn fetch(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        let partitions: Vec<i32> = self.next.keys().copied().map(to_int).collect();
        let offsets: Vec<i64> = self.next.values().copied().map(to_bigint).collect();
        // A fair share for each partition, so that one that is far behind does not delay the others.
        let share = max.div_ceil(self.next.len().max(1));
        let connection = self.listener().await.map_err(ReadError::unavailable)?;
        let connection = connection.connection().await.map_err(ReadError::unavailable)?;
        let query = sqlx::query!(
            r#"select e.partition, e."offset", e.appended_at, e.key, e.value,
                   e.headers as "headers: Json<Vec<(String, String)>>"
               from unnest($1::int[], $2::bigint[]) as n (partition, next_offset)
               cross join lateral (
                   select l.partition, l."offset", l.appended_at, l.key, l.value, l.headers
                   from event_log l
                   where l.partition = n.partition and l."offset" >= n.next_offset
                   order by l."offset" limit $3
               ) as e
               order by e.partition, e."offset" limit $4"#,
            &partitions,
            &offsets,
            to_bigint(share as u64),
            to_bigint(max as u64),
        );
        let rows = query.fetch_all(connection).await.map_err(ReadError::unavailable)?;
        let records = rows.into_iter().map(|row| {
            Ok(Record {
                position: Position {
                    partition: from_int(row.partition)?,
                    offset: from_bigint(row.offset)?,
                },
                at: row.appended_at,
                key: row.key.map(Bytes::from),
                headers: row
                    .headers
                    .0
                    .into_iter()
                    .map(|(name, text)| (name, text.into()))
                    .collect(),
                value: row.value.map(Bytes::from),
            })
        });
        records.collect::<Result<_, sqlx::Error>>().map_err(ReadError::unavailable)
    }

    /// Moves the next offsets past the records. Returns false if an offset is missing.
    fn advance(&mut self, records: &[Record]) -> bool {
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
        let since_check = self.checked.elapsed();
        let listener = self.listener().await.map_err(ReadError::unavailable)?;
        let remaining = CHECK_INTERVAL.saturating_sub(since_check);
        if listener.next(remaining).await.map_err(ReadError::unavailable)?.is_some() {
            return Ok(());
        }
        self.unanswered = Some(Instant::now());
        let listener = self.listener().await.map_err(ReadError::unavailable)?;
        listener.test().await.map_err(ReadError::unavailable)?;
        self.check().await?;
        (self.unanswered, self.checked) = (None, Instant::now());
        Ok(())
    }

    async fn try_next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        loop {
            self.unanswered.get_or_insert_with(Instant::now);
            // The query below sees everything that these notifications announced.
            while self.listener().await.map_err(ReadError::unavailable)?.next_buffered().is_some() {
            }
            let records = self.fetch(max).await?;
            self.unanswered = None;
            if records.is_empty() {
                self.wait().await?;
                continue;
            }
            if self.advance(&records) {
                return Ok(records);
            }
            // Usually the log was truncated meanwhile, which the check reports in detail.
            self.check().await?;
            return Err(ReadError::unavailable("the log has a gap"));
        }
    }
}

#[async_trait]
impl LogReader for PostgresReader {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        let waited = self.unanswered.map(|since| since.elapsed()).unwrap_or_default();
        let remaining = READ_TIMEOUT.saturating_sub(waited);
        let records = if remaining.is_zero() {
            timeout::count("log_read");
            Err(ReadError::unavailable(TimedOut(READ_TIMEOUT)))
        } else {
            self.try_next(max).await
        };
        if records.is_err() {
            (self.connection, self.unanswered) = (None, None);
        }
        records
    }
}
