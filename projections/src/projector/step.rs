//! One step of a projector: a batch of records, folded and committed.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::fold::{fold, working_set_keys};
use domain::{Changes, Contest, EventId, FoldOutcome, Recorded, Verdict};
use infra::event_log::Record;

use super::checkpoints::PassedRecord;
use super::error::ProjectionError;
use super::run_loop::Projector;
use super::state::HeldPartition;
use crate::notifications;
use crate::store::{Advance, Batch, DeadLetter, Store, StoreError};

/// What a step committed.
#[derive(Clone, Debug, Default)]
pub struct Stepped {
    /// Verdicts of the batch.
    pub verdicts: Vec<(EventId, Verdict)>,
    /// The checkpoints that moved.
    pub advances: Vec<Advance>,
    /// The new revision of the ranking, if it changed.
    pub ranking_revision: Option<u64>,
    /// Partitions whose next record is newer than this version. Nothing from there on was folded.
    pub held: Vec<HeldPartition>,
}

impl<S: Store> Projector<S> {
    /// Folds and commits a batch, then publishes its verdicts. The records of each partition must follow
    /// its checkpoint.
    ///
    /// # Errors
    /// [`ProjectionError`]. Nothing of the batch is committed then.
    pub async fn step(&mut self, records: Vec<Record>) -> Result<Stepped, ProjectionError> {
        let Some(first) = records.first().map(|record| record.position) else {
            return Ok(Stepped::default());
        };
        let started = std::time::Instant::now();
        let Some(checkpoints) = &self.checkpoints else {
            return Err(StoreError::LostOwnership(first.partition).into());
        };
        let Decoded { folded, events, dead_letters, held } = decode(records, self.log.partitions());
        if folded.is_empty() {
            return Ok(Stepped { held, ..Stepped::default() });
        }
        let (log, advances) = (checkpoints.log.clone(), checkpoints.advances(&folded)?);
        let size = folded.len();
        let mut contest = self.store.load(&working_set_keys(&events)).await?;
        let mut changes = Changes::default();
        let verdicts = fold_all(&mut contest, &mut changes, &events)
            .map_err(|panic| ProjectionError::Fold { from: first, panic })?;
        let batch = Batch {
            log: &log,
            advances: &advances,
            contest: &contest,
            changes: &changes,
            dead_letters: &dead_letters,
        };
        let committed = self.store.commit(&batch).await?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.pass(&advances);
        }
        let ranking_revision = committed.ranking_revision;
        let stepped = Stepped { verdicts, advances, ranking_revision, held };
        self.publish_verdicts(&stepped);
        metrics::histogram!("anb_projection_batch_events").record(size as f64);
        metrics::histogram!("anb_projection_batch_seconds").record(started.elapsed().as_secs_f64());
        Ok(stepped)
    }

    fn publish_verdicts(&self, stepped: &Stepped) {
        if let Some(ranking_revision) = stepped.ranking_revision {
            notifications::raise(&self.ranking_revision, ranking_revision);
        }
        let Some(desk) = &self.desk else { return };
        desk.publish(stepped.verdicts.iter().copied());
        for advance in &stepped.advances {
            desk.advance(advance.partition, advance.to);
        }
    }
}

/// A batch of records, decoded.
#[derive(Default)]
struct Decoded {
    /// The records that the batch passes.
    folded: Vec<PassedRecord>,
    events: Vec<Recorded>,
    dead_letters: Vec<DeadLetter>,
    held: Vec<HeldPartition>,
}

/// Decodes the records. A record that no version can read becomes a dead letter. One that a newer version
/// can read holds its partition: neither it nor a later one is part of the batch.
fn decode(records: Vec<Record>, partitions: u32) -> Decoded {
    let mut decoded = Decoded::default();
    for record in records {
        let at = record.position;
        if decoded.held.iter().any(|held| held.at.partition == at.partition) {
            continue;
        }
        let passed = PassedRecord { at, fingerprint: record.fingerprint() };
        match record.open(partitions) {
            Ok(event) => decoded.events.push(event),
            Err(error) if error.is_newer() => {
                let held = HeldPartition { at, reason: error.to_string() };
                decoded.held.push(held);
                continue;
            }
            Err(error) => {
                tracing::error!(position = %at, %error, "the record became a dead letter");
                metrics::counter!("anb_projection_dead_letters_total").increment(1);
                decoded.dead_letters.push(DeadLetter { record, reason: error.to_string() });
            }
        }
        decoded.folded.push(passed);
    }
    decoded
}

/// Folds in order. A panic is a defect in the rules. It is caught so that it stops this projection only,
/// and not the whole process.
fn fold_all(
    contest: &mut Contest,
    changes: &mut Changes,
    events: &[Recorded],
) -> Result<Vec<(EventId, Verdict)>, String> {
    // By the code of the rejection; empty for accepted events.
    let mut decided: BTreeMap<&'static str, u64> = BTreeMap::new();
    let fold_one = |event: &Recorded| -> Option<(EventId, Verdict)> {
        let outcome = fold(contest, changes, event);
        match outcome {
            FoldOutcome::Decided(Verdict::Accepted { .. }) => *decided.entry("").or_default() += 1,
            FoldOutcome::Decided(Verdict::Rejected(rejection)) => {
                *decided.entry(rejection.code()).or_default() += 1;
            }
            FoldOutcome::Duplicate(_) | FoldOutcome::Overtaken => {}
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
