//! What goes wrong with whole processes, and what strangers write into the log.

use std::sync::Arc;

use infra::event_log::{EventLog, NewRecord};
use uuid::Uuid;

use crate::lane;
use crate::log::SimLog;
use crate::process::Process;
use crate::world::World;

/// Crashes and restarts processes, and takes their locks away, until the world has healed.
pub(crate) async fn haunt(world: Arc<World>, processes: Vec<Arc<Process>>) {
    let Some(every) = world.plan.nemesis else { return };
    loop {
        lane::pause(2 * every).await;
        if world.is_healed() {
            return;
        }
        if world.plan.rebuilds && lane::chance(0.15) {
            rebuild(&world, &processes).await;
        } else if lane::chance(0.5) {
            let Some(process) = lane::pick(&processes) else { return };
            process.crash();
            lane::pause(1_500).await;
            process.start();
        } else {
            rob(&world);
        }
    }
}

/// The read models are lost, and the projectors fold everything again. Clients go on meanwhile.
async fn rebuild(world: &World, processes: &[Arc<Process>]) {
    let projectors = || processes.iter().filter(|process| process.projects());
    projectors().for_each(|process| process.crash());
    lane::pause(400).await;
    world.trace(|| "rebuild: the read models are emptied".to_owned());
    world.tables().truncate();
    lane::pause(400).await;
    projectors().for_each(|process| process.start());
}

/// Some owner loses its partitions in the middle of whatever it does.
fn rob(world: &World) {
    let (kills, owners) = (lane::chance(0.5), world.tables().owning());
    let Some(connection) = lane::pick(&owners) else { return };
    world.trace(|| {
        let what = if kills { "killed" } else { "loses its locks and does not know" };
        format!("store {connection}: {what}")
    });
    let mut tables = world.tables();
    match kills {
        true => tables.kill(connection),
        false => tables.unlock(connection),
    }
}

/// Writes what is no event, now and then.
pub(crate) async fn scribble(world: Arc<World>) {
    if world.plan.is_calm() {
        return;
    }
    let log = SimLog::new(&world);
    for _ in 0..lane::below(3) {
        lane::pause(5_000).await;
        let key = format!("video-{}", Uuid::from_u128(u128::from(lane::below(1_000))));
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", "6f1a7ad8-3c22-4d1c-9d5b-9d3a39a8b001"),
            ("ce_subject", key.as_str()),
            ("ce_type", "anb.vote.cast"),
            ("ce_schemaversion", "1"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let value = if lane::chance(0.5) { &b"{"[..] } else { &b"{\"voter\": 7}"[..] };
        log.append(vec![NewRecord { key, headers, value: value.into() }]).await;
    }
}
