//! The watcher that keeps the gate before the log current, in every role.

use std::sync::Arc;
use std::time::Duration;

use infra::database::Pool;
use infra::error_chain::error_chain;
use infra::event_log::{EventLog, ReadError};
use infra::timeout::within;
use ports::append_gate::AppendGate;

use crate::announcements;
use crate::checkpoint_rows;
use crate::log_check::{self, CheckedReader, LogCheckError};
use crate::store::Checkpoint;

/// How often the log is compared with the checkpoints.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Bounds one comparison.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Records per read while the last folded records are compared.
const READ_BATCH: usize = 64;

/// Compares the log with the checkpoints, and tells the gate.
pub struct LogWatch {
    pool: Pool,
    log: Arc<dyn EventLog>,
    gate: Arc<AppendGate>,
    /// Whether the last folded records have been compared since the log was last out of reach.
    compared: bool,
}

impl LogWatch {
    /// A watch that has not compared anything yet.
    pub fn new(pool: Pool, log: Arc<dyn EventLog>, gate: Arc<AppendGate>) -> Self {
        Self { pool, log, gate, compared: false }
    }

    /// Compares for ever. Runs until the task is dropped.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            self.check().await;
        }
    }

    /// Compares once. The gate stays as it is while the log or the database cannot be asked.
    pub async fn check(&mut self) {
        let checked = within("log_comparison", CHECK_TIMEOUT, self.compare()).await;
        let checked = checked.unwrap_or_else(|late| Err(ReadError::unavailable(late).into()));
        match checked {
            Ok(()) => self.show(None),
            Err(LogCheckError::Mismatch(mismatch)) => self.show(Some(mismatch.to_string())),
            Err(LogCheckError::Log(error)) => {
                // The log may be another one when it is back.
                self.compared = false;
                let error = error_chain(&error);
                tracing::debug!(error, "the log could not be compared with the checkpoints");
            }
        }
    }

    fn show(&self, problem: Option<String>) {
        let known = self.gate.log_problem();
        if known == problem {
            return;
        }
        match &problem {
            Some(problem) => tracing::error!(problem, "nothing is appended: this is another log"),
            None => tracing::info!("the log is the one that was folded"),
        }
        metrics::gauge!("anb_log_mismatch").set(if problem.is_some() { 1.0 } else { 0.0 });
        self.gate.set_log_problem(problem);
    }

    async fn compare(&mut self) -> Result<(), LogCheckError> {
        self.gate.set_readable(announcements::readable(&self.pool).await.map_err(unavailable)?);
        let checkpoints = checkpoint_rows::all(&self.pool).await.map_err(unavailable)?;
        let log = self.log.identity().await?;
        let folded = checkpoints.iter().filter_map(|checkpoint| checkpoint.last.as_ref());
        log_check::check_identity(&log, folded.map(|last| &last.log))?;
        // Read after the checkpoints: the log only grows, so it has all folded records.
        let ends = self.log.known_end_offsets().await?;
        log_check::check_ends(&checkpoints, &ends)?;
        if !self.compared {
            // A partition without a leader is compared by its projector once it has one.
            let is_known = |it: &Checkpoint| {
                it.last.is_some()
                    && ends.get(it.next.partition as usize).is_some_and(Option::is_some)
            };
            let folded: Vec<Checkpoint> = checkpoints.into_iter().filter(is_known).collect();
            let mut reader = CheckedReader::open(self.log.as_ref(), &folded).await?;
            reader.check_all(READ_BATCH).await?;
            self.compared = true;
        }
        Ok(())
    }
}

fn unavailable(error: sqlx::Error) -> ReadError {
    ReadError::unavailable(error)
}
