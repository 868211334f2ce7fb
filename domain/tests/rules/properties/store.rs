//! A minimal projector in memory: it loads only the rows that the keys name and writes only the rows
//! that the changes name.

use domain::fold::{fold, working_set_keys};
use domain::{Changes, Contest, EventId, FoldOutcome, Recorded};

use crate::rules::in_memory_rows::{load, write};

/// Read models in memory.
#[derive(Default)]
pub(super) struct Store {
    rows: Contest,
}

impl Store {
    pub(super) fn rows(&self) -> &Contest {
        &self.rows
    }

    pub(super) fn into_rows(self) -> Contest {
        self.rows
    }

    pub(super) fn fold_batch(
        &mut self,
        batch: &[Recorded],
    ) -> (Vec<(EventId, FoldOutcome)>, Changes) {
        let mut working_set = load(&self.rows, &working_set_keys(batch));
        let mut changes = Changes::default();
        let outcomes = batch
            .iter()
            .map(|record| (record.event_id, fold(&mut working_set, &mut changes, record)))
            .collect();
        write(&mut self.rows, &working_set, &changes).unwrap();
        (outcomes, changes)
    }
}
