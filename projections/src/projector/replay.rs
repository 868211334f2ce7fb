//! Folding up to given offsets, and no further.

use infra::event_log::Record;

use super::checkpoints::Checkpoints;
use super::error::ProjectionError;
use super::run_loop::{Projector, TICK};
use crate::log_check::{self, CheckedReader};
use crate::store::{Checkpoint, Store};

/// A projector that folds up to `ends`.
pub(crate) struct Replay<'a, S> {
    projector: &'a mut Projector<S>,
    ends: &'a [u64],
    /// Reads the partitions that are behind their end; `None` if none is.
    reader: Option<CheckedReader>,
}

impl<S: Store> Projector<S> {
    /// Claims partitions and prepares to fold them up to `ends`, one offset per partition.
    pub(crate) async fn replay<'a>(
        &'a mut self,
        ends: &'a [u64],
    ) -> Result<Replay<'a, S>, ProjectionError> {
        let owned = self.claim().await?;
        // Read after the claim: the log only grows, so it has all folded records.
        log_check::check_ends(&owned, &self.log.known_end_offsets().await?)?;
        let end = |partition: u32| ends.get(partition as usize).copied().unwrap_or(0);
        let is_behind = |owned: &Checkpoint| owned.next.offset < end(owned.next.partition);
        let behind: Vec<_> = owned.into_iter().filter(is_behind).collect();
        let reader = if behind.is_empty() { None } else { Some(self.open_reader(&behind).await?) };
        Ok(Replay { projector: self, ends, reader })
    }

    /// Folds everything up to the current end of the log, once. Returns the number of folded records.
    ///
    /// # Errors
    /// [`ProjectionError`], also a transient one.
    pub async fn catch_up(&mut self) -> Result<u64, ProjectionError> {
        let ends = self.log.end_offsets().await?;
        let mut replay = self.replay(&ends).await?;
        let mut folded = 0;
        while let Some(records) = replay.next().await? {
            folded += records as u64;
        }
        Ok(folded)
    }
}

impl<S: Store> Replay<'_, S> {
    /// How many partitions it owns.
    pub(crate) fn owned(&self) -> usize {
        self.projector.checkpoints.as_ref().map_or(0, Checkpoints::len)
    }

    /// Records that are still to be folded.
    pub(crate) fn left(&self) -> u64 {
        self.projector.checkpoints.as_ref().map_or(0, |owned| owned.lag(self.ends))
    }

    /// Folds the next batch and returns its size; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<usize>, ProjectionError> {
        while self.left() > 0 {
            let Some(reader) = &mut self.reader else { return Ok(None) };
            let records = tokio::select! {
                records = reader.next(self.projector.max_batch) => records?,
                () = tokio::time::sleep(TICK) => {
                    self.projector.store.keep_alive().await?;
                    continue;
                }
            };
            let due: Vec<Record> =
                records.into_iter().filter(|record| self.is_due(record)).collect();
            if !due.is_empty() {
                let count = due.len();
                let stepped = self.projector.step(due).await?;
                return match stepped.held.into_iter().next() {
                    Some(held) => Err(ProjectionError::Newer(held)),
                    None => Ok(Some(count)),
                };
            }
        }
        Ok(None)
    }

    /// A partition that has reached its end returns later records while others are behind.
    fn is_due(&self, record: &Record) -> bool {
        let end = self.ends.get(record.position.partition as usize);
        end.is_some_and(|end| record.position.offset < *end)
    }
}
