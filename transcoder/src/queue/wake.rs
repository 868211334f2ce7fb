//! How an idle worker learns of a new job at once: `NOTIFY anb_transcode_jobs`.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::watch;

use super::{Queue, QueueError};

const CHANNEL: &str = "anb_transcode_jobs";
const RECONNECT: Duration = Duration::from_secs(1);

/// Wakes idle workers. Who was busy meanwhile finds it woken.
pub type Wake = watch::Sender<()>;

/// Listens for ever. While the connection is lost, workers find new jobs by looking now and then.
pub async fn listen(queue: Queue, wake: Wake) {
    loop {
        if let Err(error) = relay(&queue, &wake).await {
            tracing::warn!(%error, "new jobs are not announced, trying again");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn relay(queue: &Queue, wake: &Wake) -> Result<(), QueueError> {
    let mut listener = PgListener::connect_with(queue.pool()).await?;
    listener.listen(CHANNEL).await?;
    // What was queued before we listened would otherwise wait for the next look.
    wake.send_replace(());
    while listener.try_recv().await?.is_some() {
        wake.send_replace(());
    }
    Ok(())
}
