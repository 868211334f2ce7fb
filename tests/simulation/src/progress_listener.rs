//! Notifications of commits in other processes: the simulated `LISTEN` of `projections::notifications`.

use std::sync::Arc;
use std::time::Duration;

use ports::LookupError;
use ports::verdicts::{VerdictDesk, VerdictLookup};

use crate::actor;
use crate::cluster::SimCluster;
use crate::lookup::SimLookup;

const RECONNECT_DELAY: Duration = Duration::from_millis(500);

/// Listens for ever and reconnects after a failure.
pub(crate) async fn listen(
    cluster: Arc<SimCluster>,
    lookup: Arc<SimLookup>,
    desk: Arc<VerdictDesk>,
) {
    loop {
        let _ = listen_once(&cluster, lookup.as_ref(), &desk).await;
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}

async fn listen_once(
    cluster: &SimCluster,
    lookup: &SimLookup,
    desk: &VerdictDesk,
) -> Result<(), LookupError> {
    cluster.delay().await;
    let mut progressed = cluster.progressed.subscribe();
    let mut seen = cluster.database().notifications.len();
    for checkpoint in lookup.checkpoints().await? {
        desk.advance(checkpoint.partition, checkpoint.offset);
    }
    loop {
        progressed.mark_unchanged();
        actor::pause(cluster.params.delay).await;
        if cluster.fault(0.3) {
            return Err(LookupError::new("connection lost".to_owned()));
        }
        let published = cluster.database().notifications[seen..].to_vec();
        seen += published.len();
        for checkpoint in published.iter().flatten() {
            desk.advance(checkpoint.partition, checkpoint.offset);
        }
        if published.is_empty() && progressed.changed().await.is_err() {
            return Ok(());
        }
    }
}
