//! New jobs wake idle workers through `NOTIFY anb_transcode_jobs`.

use std::convert::Infallible;
use std::time::Duration;

use infra::database::{Listener, Pool};
use tokio::sync::watch;

const CHANNEL: &str = "anb_transcode_jobs";
const RECONNECT_DELAY: Duration = Duration::from_secs(1);
/// After so long without a notification the connection is tested: a dropped one gives no error.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(10);

/// Wakes idle workers. A worker that is busy sees the change when it looks next.
pub type JobNotifier = watch::Sender<()>;

/// Forwards notifications for ever. While the connection is lost, workers find new jobs by polling.
pub async fn listen(pool: Pool, notifier: JobNotifier) {
    loop {
        let Err(error) = forward(&pool, &notifier).await;
        tracing::warn!(%error, "job notifications are interrupted, reconnecting");
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}

async fn forward(pool: &Pool, notifier: &JobNotifier) -> Result<Infallible, sqlx::Error> {
    let mut listener = Listener::open(pool, CHANNEL).await?;
    // Jobs queued before `listen` were not announced to this connection.
    notifier.send_replace(());
    loop {
        match listener.next(SILENCE_TIMEOUT).await? {
            Some(_) => {
                notifier.send_replace(());
            }
            None => listener.test().await?,
        }
    }
}
