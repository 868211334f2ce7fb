//! What stands before several servers: sends each request to the next one that says it is ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::client::Ask;
use super::{Api, PATIENCE};

/// How often each server is asked whether it is ready.
const ASK: Duration = Duration::from_millis(50);
/// Who takes longer to say so is not.
const ANSWER: Duration = Duration::from_secs(1);

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Balancer {
    servers: Arc<Vec<Backend>>,
    next: Arc<AtomicUsize>,
}

struct Backend {
    api: Api,
    ready: AtomicBool,
}

impl Balancer {
    /// Begins to watch these servers, and does so as long as it is used.
    pub(crate) fn over<'a>(apis: impl IntoIterator<Item = &'a Api>) -> Self {
        let backend = |api: &Api| Backend { api: api.clone(), ready: AtomicBool::new(false) };
        let servers = Arc::new(apis.into_iter().map(backend).collect::<Vec<_>>());
        for n in 0..servers.len() {
            let servers = Arc::downgrade(&servers);
            tokio::spawn(async move {
                while let Some(servers) = servers.upgrade() {
                    servers[n].ask().await;
                    drop(servers);
                    tokio::time::sleep(ASK).await;
                }
            });
        }
        Self { servers, next: Arc::new(AtomicUsize::new(0)) }
    }

    /// The next server that is ready, once there is one.
    pub(crate) async fn pick(&self) -> Api {
        let waiting = async {
            loop {
                for _ in 0..self.servers.len() {
                    let n = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len();
                    if self.servers[n].ready.load(Ordering::Relaxed) {
                        return self.servers[n].api.clone();
                    }
                }
                tokio::time::sleep(ASK).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("a server that is ready")
    }
}

impl Backend {
    async fn ask(&self) {
        let answer = tokio::time::timeout(ANSWER, self.api.get("/ready").try_answer()).await;
        let ready = matches!(answer, Ok(Some(answer)) if answer.status == 200);
        self.ready.store(ready, Ordering::Relaxed);
    }
}
