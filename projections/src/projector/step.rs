//! One step: a batch of records, folded and committed.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::fold::{fold, working_set_keys};
use domain::{Changes, Contest, EventId, FoldOutcome, Position, Recorded, Verdict};
use infra::event_log::Record;

use super::{ProjectionError, Projector};
use crate::store::{Advance, Batch, DeadLetter, Store};

/// What a step has committed.
#[derive(Clone, Debug, Default)]
pub struct Stepped {
    /// Verdicts for those who wait.
    pub verdicts: Vec<(EventId, Verdict)>,
    /// The checkpoints that moved.
    pub advances: Vec<Advance>,
    /// The ranking's new revision, if it changed.
    pub ranking_revision: Option<u64>,
}

/// For each owned partition, the first offset that is not folded yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints(BTreeMap<u32, u64>);

impl Checkpoints {
    pub(super) fn new(owned: &[Position]) -> Self {
        Self(owned.iter().map(|at| (at.partition, at.offset)).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many records lie between the checkpoints and `ends`, the end offset of each partition.
    pub(super) fn lag(&self, ends: &[u64]) -> u64 {
        let end = |partition: &u32| ends.get(*partition as usize).copied().unwrap_or(0);
        self.0.iter().map(|(partition, next)| end(partition).saturating_sub(*next)).sum()
    }

    /// The moves that folding `records` makes, each of which must be the next one of its partition.
    fn advances(&self, records: &[Record]) -> Result<Vec<Advance>, ProjectionError> {
        let mut advances = BTreeMap::new();
        for Position { partition, offset } in records.iter().map(|record| record.position) {
            let from = self.0.get(&partition).copied().unwrap_or(0);
            let advance =
                advances.entry(partition).or_insert(Advance { partition, from, to: from });
            if offset != advance.to {
                let next = Position { partition, offset: advance.to };
                return Err(ProjectionError::Gap { next, found: offset });
            }
            advance.to += 1;
        }
        Ok(advances.into_values().collect())
    }

    fn pass(&mut self, advances: &[Advance]) {
        self.0.extend(advances.iter().map(|advance| (advance.partition, advance.to)));
    }
}

impl<S: Store> Projector<S> {
    /// Folds and commits a batch, then tells those who wait. Each partition's records must follow
    /// its checkpoint.
    ///
    /// # Errors
    /// [`ProjectionError`]; nothing of the batch is committed then.
    pub async fn step(&mut self, records: Vec<Record>) -> Result<Stepped, ProjectionError> {
        let Some(first) = records.first().map(|record| record.position) else {
            return Ok(Stepped::default());
        };
        let started = std::time::Instant::now();
        let advances = self.checkpoints.advances(&records)?;
        let size = records.len();
        let (events, dead_letters) = open(records, self.log.partitions());
        let mut contest = self.store.load(&working_set_keys(&events)).await?;
        let mut changes = Changes::default();
        let verdicts = fold_all(&mut contest, &mut changes, &events)
            .map_err(|panic| ProjectionError::Fold { from: first, panic })?;
        let batch = Batch {
            advances: &advances,
            contest: &contest,
            changes: &changes,
            dead_letters: &dead_letters,
        };
        let committed = self.store.commit(&batch).await?;
        self.checkpoints.pass(&advances);
        let stepped = Stepped { verdicts, advances, ranking_revision: committed.ranking_revision };
        self.publish_verdicts(&stepped);
        metrics::histogram!("anb_projection_batch_events").record(size as f64);
        metrics::histogram!("anb_projection_batch_seconds").record(started.elapsed().as_secs_f64());
        Ok(stepped)
    }
}

/// Opens the envelopes; what is no event becomes a dead letter.
fn open(records: Vec<Record>, partitions: u32) -> (Vec<Recorded>, Vec<DeadLetter>) {
    let mut events = Vec::with_capacity(records.len());
    let mut dead_letters = Vec::new();
    for record in records {
        match record.open(partitions) {
            Ok(event) => events.push(event),
            Err(error) => {
                tracing::error!(position = %record.position, %error, "dead letter");
                metrics::counter!("anb_projection_dead_letters_total").increment(1);
                dead_letters.push(DeadLetter { record, reason: error.to_string() });
            }
        }
    }
    (events, dead_letters)
}

/// Folds in order. A panic is a defect in the rules; it is caught so that it stops this projection
/// loudly instead of tearing down a process that serves other things too.
fn fold_all(
    contest: &mut Contest,
    changes: &mut Changes,
    events: &[Recorded],
) -> Result<Vec<(EventId, Verdict)>, String> {
    // By the code of the rejection; an acceptance has none.
    let mut decided: BTreeMap<&'static str, u64> = BTreeMap::new();
    let fold_one = |event: &Recorded| -> Option<(EventId, Verdict)> {
        let outcome = fold(contest, changes, event);
        if let FoldOutcome::Decided(verdict) = outcome {
            let code = match verdict {
                Verdict::Accepted { .. } => "",
                Verdict::Rejected(rejection) => rejection.code(),
            };
            *decided.entry(code).or_default() += 1;
        }
        outcome.verdict().map(|verdict| (event.event_id, verdict))
    };
    let verdicts = catch_unwind(AssertUnwindSafe(|| events.iter().filter_map(fold_one).collect()))
        .map_err(|panic| panic_text(panic.as_ref()))?;
    for (code, count) in decided {
        let kind = if code.is_empty() { "accepted" } else { "rejected" };
        metrics::counter!("anb_projection_verdicts_total", "verdict" => kind, "reason" => code)
            .increment(count);
    }
    Ok(verdicts)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}
