//! A probe: one client that measures how long answers take during a load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};
use http::StatusCode;
use tokio::task;
use tokio::time::{Instant, sleep};

use crate::client::{Connection, Request};

const PAUSE: Duration = Duration::from_millis(10);

/// Sends requests one after the other until [`Self::delays`] is called.
pub(super) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<f64>>>,
}

impl Probe {
    /// Sends what `next` returns. The probe has a thread of its own: on the load generator's runtime it
    /// would measure how busy that is.
    pub(super) fn start(
        address: SocketAddr,
        next: impl Fn() -> Result<Request> + Send + 'static,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let mut connection = Connection::open(address).await?;
                let mut delays = Vec::new();
                while !stopped.load(Ordering::Relaxed) {
                    let request = next()?;
                    let asked = Instant::now();
                    connection.send(request).await?.expect(StatusCode::OK)?;
                    delays.push(asked.elapsed().as_secs_f64() * 1e3);
                    sleep(PAUSE).await;
                }
                Ok(delays)
            })
        });
        Ok(Self { stop, thread })
    }

    /// Stops the probe. Returns the delays in milliseconds.
    pub(super) async fn delays(self) -> Result<Vec<f64>> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = task::spawn_blocking(|| self.thread.join()).await?;
        joined.map_err(|_| anyhow!("a probe panicked"))?
    }
}
