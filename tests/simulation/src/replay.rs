//! The replay: the same log, a new projector, other cuts, and the same contest must come out.

use std::sync::Arc;

use infra::event_log::Record;
use projections::Projector;
use projections::store::Store;
use tokio::sync::watch;

use crate::check;
use crate::lane;
use crate::log::SimLog;
use crate::recount::Recount;
use crate::store::SimStore;
use crate::world::World;

/// Folds the log of `world` once more, and says what came out differently.
pub(crate) async fn replay(world: &World, recount: &Recount) -> Vec<String> {
    let again = world.replay();
    let mut wrong = Vec::new();
    let mut store = SimStore::new(&again);
    if let Err(error) = store.claim(again.plan.partitions).await {
        return vec![format!("replay: {error}")];
    }
    let log = SimLog::new(&again);
    let mut projector = Projector::new(log, store, None, watch::Sender::new(0));
    for batch in batches(&again) {
        match projector.step(batch).await {
            Ok(stepped) => {
                for (event, verdict) in &stepped.verdicts {
                    let code = match verdict {
                        domain::Verdict::Accepted { .. } => "ok",
                        domain::Verdict::Rejected(why) => why.code(),
                    };
                    let counted = recount.fates.get(&event.to_string()).map(|fate| fate.code);
                    if counted != Some(code) {
                        wrong.push(format!("replay: {event} is {code}, and not {counted:?}"));
                    }
                }
            }
            Err(error) => wrong.push(format!("replay: {error}")),
        }
    }
    check::rows(&again, recount, &mut wrong);
    let (then, now) = (world.tables(), again.tables());
    if then.rows != now.rows || then.ranking != now.ranking {
        wrong.push("replay: the rows differ from those of the first time".to_owned());
    }
    wrong
}

/// The whole log, partitions interleaved and cut at random.
fn batches(world: &Arc<World>) -> Vec<Vec<Record>> {
    let mut waiting: Vec<Vec<Record>> = world.partitions().clone();
    waiting.iter_mut().for_each(|records| records.reverse());
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    loop {
        waiting.retain(|records| !records.is_empty());
        let chosen = lane::below(waiting.len() as u64) as usize;
        let Some(record) = waiting.get_mut(chosen).and_then(Vec::pop) else { break };
        batch.push(record);
        if lane::chance(0.1) {
            batches.push(std::mem::take(&mut batch));
        }
    }
    batches.push(batch);
    batches
}
