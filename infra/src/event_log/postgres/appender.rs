//! Appends in batches: one task per process writes all queued records in one transaction, so that they
//! share the cost of a commit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::{Position, Timestamp};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::{mpsc, oneshot};

use crate::batch_throttle::BatchThrottle;
use crate::database::{Pool, SessionOptions, from_bigint, to_bigint, to_int};
use crate::event_log::partition::partition_of;
use crate::event_log::{AppendError, NewRecord};
use crate::timeout::within;

/// The notification channel that wakes readers.
pub(super) const CHANNEL: &str = "anb_event_log";
/// Records that may wait in the queue. Further ones are rejected.
const QUEUE_CAPACITY: usize = 16_384;
/// Records in one transaction.
const MAX_BATCH: usize = 2_048;
/// The time limit of a transaction. Afterwards its outcome is unknown if the commit was under way.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that was idle for so long is tested before it is used.
const TEST_AFTER: Duration = Duration::from_secs(1);
/// Bounds that test. A dropped connection would otherwise take up the time of the transaction.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

type Answer = Result<Position, AppendError>;

/// A queued record.
struct Pending {
    partition: u32,
    record: NewRecord,
    answer: oneshot::Sender<Answer>,
}

/// The queue of the appending task, which ends when this is dropped.
pub(super) struct PostgresAppender {
    queue: mpsc::Sender<Pending>,
}

impl PostgresAppender {
    pub(super) fn start(pool: &Pool) -> Self {
        let (queue, pending) = mpsc::channel(QUEUE_CAPACITY);
        // An acknowledged append must be on disk, even if the server's default is otherwise.
        let options = pool.session_options().with([("synchronous_commit", "on")]);
        tokio::spawn(run(options, pending));
        Self { queue }
    }

    /// Queues a record.
    ///
    /// # Errors
    /// [`AppendError`] if it was not queued.
    pub(super) fn queue(
        &self,
        record: NewRecord,
        partitions: u32,
    ) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let record = record.checked()?;
        let partition = partition_of(record.key.as_bytes(), partitions);
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Pending { partition, record, answer }).map_err(|_| {
            AppendError::unavailable(format!("{QUEUE_CAPACITY} records are waiting already"))
        })?;
        Ok(answered)
    }
}

async fn run(options: SessionOptions, mut queue: mpsc::Receiver<Pending>) {
    let mut writer = Writer { options, connection: None, used: Instant::now() };
    let mut batch = Vec::new();
    let mut throttle = BatchThrottle::default();
    loop {
        throttle.wait().await;
        if queue.recv_many(&mut batch, MAX_BATCH).await == 0 {
            return;
        }
        throttle.begin(batch.len());
        metrics::gauge!("anb_log_append_waiting").set(queue.len() as f64);
        metrics::histogram!("anb_log_append_batch_events").record(batch.len() as f64);
        let positions = writer.append(&batch).await;
        if let Err(error) = &positions {
            tracing::warn!(%error, records = batch.len(), "records cannot be appended");
        }
        for (number, Pending { answer, .. }) in batch.drain(..).enumerate() {
            let position = positions.as_ref().map(|positions| positions[number]);
            // A caller that is gone retries with the same event id.
            let _ = answer.send(position.map_err(Clone::clone));
        }
    }
}

/// The connection on which batches are written.
struct Writer {
    options: SessionOptions,
    connection: Option<PgConnection>,
    /// When it was last used.
    used: Instant,
}

impl Writer {
    /// Appends all records of a batch or none.
    async fn append(&mut self, batch: &[Pending]) -> Result<Vec<Position>, AppendError> {
        let was_open = self.connection.is_some();
        match self.try_append(batch).await {
            // The server may have restarted since the last batch, so a new connection is tried once.
            // Nothing of this batch was committed.
            Err(AppendError::Unavailable(_)) if was_open => self.try_append(batch).await,
            positions => positions,
        }
    }

    async fn try_append(&mut self, batch: &[Pending]) -> Result<Vec<Position>, AppendError> {
        let mut committing = false;
        let writing = async {
            let mut connection = match self.connection.take() {
                Some(mut connection) => {
                    if self.used.elapsed() > TEST_AFTER {
                        within("log_append", TEST_TIMEOUT, connection.ping()).await??;
                    }
                    connection
                }
                None => self.options.open().await?,
            };
            let mut tx = connection.begin().await?;
            let positions = write(&mut tx, batch).await?;
            committing = true;
            tx.commit().await?;
            // A connection that failed inside a transaction is not used again.
            (self.connection, self.used) = (Some(connection), Instant::now());
            Ok::<_, sqlx::Error>(positions)
        };
        let written = within("log_append", APPEND_TIMEOUT, writing).await;
        let error = match written.unwrap_or_else(|timed_out| Err(timed_out.into())) {
            Ok(positions) => return Ok(positions),
            Err(error) => error,
        };
        if committing {
            return Err(AppendError::unknown(error));
        }
        Err(AppendError::unavailable(error))
    }
}

/// Assigns offsets and writes the rows. The locks of the heads are held until the commit; they are taken
/// in the order of partitions, which excludes a deadlock.
async fn write(
    connection: &mut PgConnection,
    batch: &[Pending],
) -> Result<Vec<Position>, sqlx::Error> {
    let mut partitions: Vec<i32> = batch.iter().map(|p| to_int(p.partition)).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let heads = sqlx::query!(
        r#"select partition, next_offset, clock_timestamp() as "now!" from event_log_heads
           where partition = any($1) order by partition for update"#,
        &partitions,
    )
    .fetch_all(&mut *connection)
    .await?;
    // The last lock was taken last, so no record is older than one before it.
    let at = heads.iter().map(|head| head.now).max().unwrap_or_default();
    let mut next = heads.iter().map(|head| (head.partition, head.next_offset)).collect();
    let positions = assign(&mut next, batch)?;
    insert(connection, &positions, at, batch).await?;
    let (partitions, next): (Vec<i32>, Vec<i64>) = next.into_iter().unzip();
    sqlx::query!(
        "update event_log_heads h set next_offset = n.next_offset
         from unnest($1::int[], $2::bigint[]) as n (partition, next_offset)
         where h.partition = n.partition",
        &partitions,
        &next,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("select pg_notify($1, '')", CHANNEL).execute(connection).await?;
    Ok(positions)
}

/// The next offset of each record's partition.
fn assign(next: &mut BTreeMap<i32, i64>, batch: &[Pending]) -> Result<Vec<Position>, sqlx::Error> {
    let position = |pending: &Pending| {
        let next = next.get_mut(&to_int(pending.partition)).ok_or(sqlx::Error::RowNotFound)?;
        let offset = from_bigint(*next)?;
        *next += 1;
        Ok(Position { partition: pending.partition, offset })
    };
    batch.iter().map(position).collect()
}

async fn insert(
    connection: &mut PgConnection,
    positions: &[Position],
    at: Timestamp,
    batch: &[Pending],
) -> Result<(), sqlx::Error> {
    let headers: Result<Vec<String>, _> =
        batch.iter().map(|pending| serde_json::to_string(&pending.record.headers)).collect();
    let headers = headers.map_err(|error| sqlx::Error::Encode(error.into()))?;
    let (partitions, offsets): (Vec<i32>, Vec<i64>) =
        positions.iter().map(|at| (to_int(at.partition), to_bigint(at.offset))).unzip();
    let keys: Vec<&[u8]> = batch.iter().map(|pending| pending.record.key.as_bytes()).collect();
    let values: Vec<&[u8]> = batch.iter().map(|pending| &*pending.record.value).collect();
    sqlx::query!(
        r#"insert into event_log (partition, "offset", appended_at, key, headers, value)
           select r.partition, r."offset", $1, r.key, r.headers::json, r.value
           from unnest($2::int[], $3::bigint[], $4::bytea[], $5::text[], $6::bytea[])
               as r (partition, "offset", key, headers, value)"#,
        at,
        &partitions,
        &offsets,
        // The macro knows owned arrays of bytes only.
        &keys[..] as &[&[u8]],
        &headers,
        &values[..] as &[&[u8]],
    )
    .execute(connection)
    .await?;
    Ok(())
}
