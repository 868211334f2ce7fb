//! Folding up to a certain point, and not a record further.

use infra::event_log::{LogReader, Record};

use super::{Checkpoints, ProjectionError, Projector, TICK};
use crate::store::Store;

/// A projector on its way to a point in the log.
pub(crate) struct Replay<'a, S> {
    projector: &'a mut Projector<S>,
    ends: &'a [u64],
    /// Reads the partitions that are not there yet; `None` if all of them are.
    reader: Option<Box<dyn LogReader>>,
}

impl<S: Store> Projector<S> {
    /// Sets out for `ends`, an offset for each partition, with the partitions that it can own.
    pub(crate) async fn replay<'a>(
        &'a mut self,
        ends: &'a [u64],
    ) -> Result<Replay<'a, S>, ProjectionError> {
        let owned = self.store.claim(self.log.partitions()).await?;
        self.checkpoints = Checkpoints::new(&owned);
        let end = |partition: u32| ends.get(partition as usize).copied().unwrap_or(0);
        let behind: Vec<_> = owned.into_iter().filter(|at| at.offset < end(at.partition)).collect();
        let reader = if behind.is_empty() { None } else { Some(self.log.read(&behind).await?) };
        Ok(Replay { projector: self, ends, reader })
    }
}

impl<S: Store> Replay<'_, S> {
    /// How many of the partitions it has.
    pub(crate) fn owned(&self) -> usize {
        self.projector.checkpoints.len()
    }

    /// Records that are still to be folded.
    pub(crate) fn left(&self) -> u64 {
        self.projector.checkpoints.lag(self.ends)
    }

    /// Folds the next batch, and says how many records it had; `None` at the end.
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
                self.projector.step(due).await?;
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// A partition that is there already gives what lies beyond while others are on their way.
    fn is_due(&self, record: &Record) -> bool {
        let end = self.ends.get(record.position.partition as usize);
        end.is_some_and(|end| record.position.offset < *end)
    }
}
