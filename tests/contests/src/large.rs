//! Contests of any size. All events follow from a seed, so a repeated run appends only duplicates,
//! which the fold ignores.

use std::sync::Arc;

use anyhow::{Context, Result};
use infra::database::Pool;
use infra::event_log::{EventLog, NewRecord};
use tokio::sync::mpsc;

use crate::events::{Registration, insert_personal_data};
use crate::plan::{Plan, Step};

const SEED: u64 = 1;
/// Records per append: well within what the logs take into their queues.
const CHUNK: usize = 8_192;
/// Chunks that are encoded ahead of the log.
const ENCODED_AHEAD: usize = 2;

/// The size of a contest.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Accounts with one published video each.
    pub artists: usize,
    /// Accounts that only vote.
    pub fans: usize,
    /// Distinct pairs of a voter and a video. A few videos get most of them.
    pub votes: usize,
}

/// Appends one event per account and vote, and two per video.
///
/// # Errors
/// If the database or the log does not take everything.
pub async fn append(pool: &Pool, log: &dyn EventLog, size: Size) -> Result<()> {
    let plan = Arc::new(Plan::draw(SEED, size.artists, size.fans, size.votes));
    // Each kind of event is in the log before the next: a vote for an unknown video is rejected.
    append_all(pool, log, Arc::clone(&plan).registrations()).await?;
    append_all(pool, log, Arc::clone(&plan).publications()).await?;
    append_all(pool, log, plan.votes()).await
}

/// Encodes chunks on another thread while the log takes the previous ones. Chunks keep their order.
async fn append_all(
    pool: &Pool,
    log: &dyn EventLog,
    steps: impl Iterator<Item = Step> + Send + 'static,
) -> Result<()> {
    let (sender, mut chunks) = mpsc::channel(ENCODED_AHEAD);
    let encoding = tokio::task::spawn_blocking(move || encode(steps, &sender));
    while let Some(Chunk { registrations, records }) = chunks.recv().await {
        if !registrations.is_empty() {
            // Before the events, as a sign-up does.
            insert_personal_data(pool, &registrations).await.context("personal data")?;
        }
        for position in log.append(records).await {
            position.context("the log did not take every event")?;
        }
    }
    encoding.await?
}

#[derive(Default)]
struct Chunk {
    registrations: Vec<Registration>,
    records: Vec<NewRecord>,
}

fn encode(steps: impl Iterator<Item = Step>, chunks: &mpsc::Sender<Chunk>) -> Result<()> {
    let mut steps = steps.peekable();
    while steps.peek().is_some() {
        let mut chunk = Chunk::default();
        for (registration, envelope) in steps.by_ref().take(CHUNK) {
            chunk.registrations.extend(registration);
            chunk.records.push(envelope.into_record()?);
        }
        if chunks.blocking_send(chunk).is_err() {
            // The receiver stopped at an error of its own and returns that.
            return Ok(());
        }
    }
    Ok(())
}
