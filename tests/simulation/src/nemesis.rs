//! Faults of whole processes, and records in the log that are no events.

use std::sync::Arc;

use infra::event_log::{EventLog, NewRecord};
use uuid::Uuid;

use crate::actor;
use crate::cluster::SimCluster;
use crate::log::SimLog;
use crate::process::Process;

/// Crashes and restarts processes, and revokes their locks, until the cluster has healed.
pub(crate) async fn crash_processes(cluster: Arc<SimCluster>, processes: Vec<Arc<Process>>) {
    let Some(every) = cluster.params.nemesis else { return };
    loop {
        actor::pause(2 * every).await;
        if cluster.is_healed() {
            return;
        }
        let loses_log = cluster.params.log_loss.is_some();
        if cluster.params.rebuilds && !loses_log && actor::chance(0.15) {
            rebuild(&cluster, &processes).await;
        } else if actor::chance(0.5) {
            let Some(process) = actor::pick(&processes) else { return };
            process.crash();
            actor::pause(1_500).await;
            process.start();
        } else {
            revoke_ownership(&cluster);
        }
    }
}

/// Empties the read models, so that the projectors fold the whole log again while clients continue.
async fn rebuild(cluster: &SimCluster, processes: &[Arc<Process>]) {
    let projectors = || processes.iter().filter(|process| process.projects());
    projectors().for_each(|process| process.crash());
    actor::pause(400).await;
    cluster.trace(|| "rebuild: the read models are emptied".to_owned());
    cluster.database().truncate();
    actor::pause(400).await;
    projectors().for_each(|process| process.start());
}

/// Makes the database lose its last commits, some times.
pub(crate) async fn forget_commits(cluster: Arc<SimCluster>) {
    if !cluster.params.forgets {
        return;
    }
    loop {
        actor::pause(4_000).await;
        let saved = cluster.database().saved();
        actor::pause(1_500).await;
        if cluster.is_healed() {
            return;
        }
        cluster.trace(|| "the database loses its last commits".to_owned());
        cluster.database().go_back_to(saved);
    }
}

/// Makes the log lose records, once.
pub(crate) async fn lose_log(cluster: Arc<SimCluster>) {
    let Some(loss) = cluster.params.log_loss else { return };
    actor::pause(8_000).await;
    cluster.lose_records(loss);
}

/// Appends a record that only a newer version can read.
pub(crate) async fn append_newer_record(cluster: Arc<SimCluster>) {
    if !cluster.params.newer_record {
        return;
    }
    actor::pause(8_000).await;
    let key = format!("video-{}", Uuid::from_u128(u128::from(actor::below(1_000))));
    append(&cluster, key, "9", b"{\"voter\": \"a pseudonym\"}").await;
}

/// Takes the partitions of a random owner away, at any point of its work.
fn revoke_ownership(cluster: &SimCluster) {
    let (kills, owners) = (actor::chance(0.5), cluster.database().owners_of_partitions());
    let Some(connection) = actor::pick(&owners) else { return };
    cluster.trace(|| {
        let what = if kills { "killed" } else { "loses its locks and does not know" };
        format!("store {connection}: {what}")
    });
    let mut database = cluster.database();
    match kills {
        true => database.kill(connection),
        false => database.unlock(connection),
    }
}

/// Appends up to two records that cannot be decoded.
pub(crate) async fn append_unreadable_records(cluster: Arc<SimCluster>) {
    if cluster.params.is_calm() {
        return;
    }
    for _ in 0..actor::below(3) {
        actor::pause(5_000).await;
        let key = format!("video-{}", Uuid::from_u128(u128::from(actor::below(1_000))));
        let value = if actor::chance(0.5) { &b"{"[..] } else { &b"{\"voter\": 7}"[..] };
        append(&cluster, key, "1", value).await;
    }
}

/// Appends a record that is no vote, with the headers of one.
async fn append(cluster: &Arc<SimCluster>, key: String, version: &str, value: &'static [u8]) {
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", "6f1a7ad8-3c22-4d1c-9d5b-9d3a39a8b001"),
        ("ce_subject", key.as_str()),
        ("ce_type", "anb.vote.cast"),
        ("ce_schemaversion", version),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let record = NewRecord { key, headers, value: value.into() };
    SimLog::new(cluster).append(vec![record]).await;
}
