//! The transcoder role.

use tokio_util::sync::CancellationToken;

pub(super) struct Worker;

impl Worker {
    pub(super) async fn run(self, stop: CancellationToken) {
        stop.cancelled().await;
    }
}
