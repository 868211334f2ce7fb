//! A load balancer: picks the next server that is ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::client::{ApiClient, SendRequest};
use super::wait::TEST_TIMEOUT;

/// Interval between two readiness checks of a server.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Bounds a readiness check. A server that takes longer is not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// Picks servers in turn. Clones share the state.
#[derive(Clone)]
pub(crate) struct LoadBalancer {
    servers: Arc<Vec<Backend>>,
    next: Arc<AtomicUsize>,
}

struct Backend {
    api: ApiClient,
    ready: AtomicBool,
}

impl LoadBalancer {
    /// Checks these servers in the background until the last clone is dropped.
    pub(crate) fn over<'a>(apis: impl IntoIterator<Item = &'a ApiClient>) -> Self {
        let backend = |api: &ApiClient| Backend { api: api.clone(), ready: AtomicBool::new(false) };
        let servers = Arc::new(apis.into_iter().map(backend).collect::<Vec<_>>());
        for n in 0..servers.len() {
            let servers = Arc::downgrade(&servers);
            tokio::spawn(async move {
                while let Some(servers) = servers.upgrade() {
                    servers[n].check().await;
                    drop(servers);
                    tokio::time::sleep(CHECK_INTERVAL).await;
                }
            });
        }
        Self { servers, next: Arc::new(AtomicUsize::new(0)) }
    }

    /// Waits for a ready server, and returns the next one in turn.
    pub(crate) async fn next_ready(&self) -> ApiClient {
        let waiting = async {
            loop {
                for _ in 0..self.servers.len() {
                    let n = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len();
                    if self.servers[n].ready.load(Ordering::Relaxed) {
                        return self.servers[n].api.clone();
                    }
                }
                tokio::time::sleep(CHECK_INTERVAL).await;
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, waiting).await.expect("no server is ready")
    }
}

impl Backend {
    async fn check(&self) {
        let response =
            tokio::time::timeout(CHECK_TIMEOUT, self.api.get("/ready").try_response()).await;
        let ready = matches!(response, Ok(Some(response)) if response.status == 200);
        self.ready.store(ready, Ordering::Relaxed);
    }
}
