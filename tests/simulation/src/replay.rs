//! The replay: another projector folds the same log in other batches, to the same rows.

use std::sync::Arc;

use infra::event_log::Record;
use projections::Projector;
use tokio::sync::watch;

use crate::actor;
use crate::checker;
use crate::cluster::SimCluster;
use crate::log::SimLog;
use crate::recount::{Recount, is_newer};
use crate::store::SimStore;

/// Folds the log of `cluster` once more and returns every difference.
pub(crate) async fn replay(cluster: &SimCluster, recount: &Recount) -> Vec<String> {
    let again = cluster.replay();
    let mut differences = Vec::new();
    let log = SimLog::new(&again);
    let store = SimStore::new(&again);
    let mut projector = Projector::new(log, store, None, watch::Sender::new(0));
    if let Err(error) = projector.claim().await {
        return vec![format!("replay: {error}")];
    }
    for batch in batches(&again) {
        match projector.step(batch).await {
            Ok(stepped) => {
                for (event, verdict) in &stepped.verdicts {
                    let code = match verdict {
                        domain::Verdict::Accepted { .. } => "ok",
                        domain::Verdict::Rejected(why) => why.code(),
                    };
                    let counted =
                        recount.verdicts.get(&event.to_string()).map(|verdict| verdict.code);
                    if counted != Some(code) {
                        differences.push(format!("replay: {event} is {code}, and not {counted:?}"));
                    }
                }
            }
            Err(error) => differences.push(format!("replay: {error}")),
        }
    }
    checker::rows(&again, recount, &mut differences);
    let (then, now) = (cluster.database(), again.database());
    if then.rows != now.rows || then.ranking != now.ranking {
        differences.push("replay: the rows differ from those of the first time".to_owned());
    }
    differences
}

/// The whole log in random batches, partitions interleaved at random.
fn batches(cluster: &Arc<SimCluster>) -> Vec<Vec<Record>> {
    let mut waiting: Vec<Vec<Record>> = cluster.partitions().clone();
    for records in &mut waiting {
        let readable = records.iter().take_while(|record| !is_newer(record)).count();
        records.truncate(readable);
    }
    waiting.iter_mut().for_each(|records| records.reverse());
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    loop {
        waiting.retain(|records| !records.is_empty());
        let chosen = actor::below(waiting.len() as u64) as usize;
        let Some(record) = waiting.get_mut(chosen).and_then(Vec::pop) else { break };
        batch.push(record);
        if actor::chance(0.1) {
            batches.push(std::mem::take(&mut batch));
        }
    }
    batches.push(batch);
    batches
}
