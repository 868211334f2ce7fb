//! How a process hears of commits elsewhere: the simulated `LISTEN`, as `projections::progress` uses it.

use std::sync::Arc;
use std::time::Duration;

use infra::verdicts::{LookupError, VerdictDesk, VerdictLookup};

use crate::lane;
use crate::lookup::SimLookup;
use crate::world::World;

const RECONNECT: Duration = Duration::from_millis(500);

/// Follows for ever.
pub(crate) async fn follow(world: Arc<World>, lookup: Arc<SimLookup>, desk: Arc<VerdictDesk>) {
    loop {
        // A connection that broke is made anew; what came meanwhile was for nobody.
        let _ = listen(&world, lookup.as_ref(), &desk).await;
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn listen(world: &World, lookup: &SimLookup, desk: &VerdictDesk) -> Result<(), LookupError> {
    world.delay().await;
    let mut progressed = world.progressed.subscribe();
    let mut heard = world.tables().notifications.len();
    for checkpoint in lookup.checkpoints().await? {
        desk.advance(checkpoint.partition, checkpoint.offset);
    }
    loop {
        progressed.mark_unchanged();
        lane::pause(world.plan.delay).await;
        if world.fault(0.3) {
            return Err(LookupError("connection lost".to_owned()));
        }
        let news = world.tables().notifications[heard..].to_vec();
        heard += news.len();
        for checkpoint in news.iter().flatten() {
            desk.advance(checkpoint.partition, checkpoint.offset);
        }
        if news.is_empty() && progressed.changed().await.is_err() {
            return Ok(());
        }
    }
}
