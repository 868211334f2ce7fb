//! New jobs wake idle workers through `NOTIFY anb_transcode_jobs`.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;

const CHANNEL: &str = "anb_transcode_jobs";
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// Wakes idle workers. A worker that is busy sees the change when it looks next.
pub type JobNotifier = watch::Sender<()>;

/// Forwards notifications for ever. While the connection is lost, workers find new jobs by polling.
pub async fn listen(pool: PgPool, notifier: JobNotifier) {
    loop {
        if let Err(error) = forward(&pool, &notifier).await {
            tracing::warn!(%error, "job notifications are interrupted, reconnecting");
        }
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}

async fn forward(pool: &PgPool, notifier: &JobNotifier) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // Jobs queued before `listen` were not announced to this connection.
    notifier.send_replace(());
    while listener.try_recv().await?.is_some() {
        notifier.send_replace(());
    }
    Ok(())
}
