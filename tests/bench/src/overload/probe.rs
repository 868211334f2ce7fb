//! Somebody who looks in from time to time, on a connection of their own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};
use http::StatusCode;
use tokio::sync::watch;
use tokio::task;
use tokio::time::{Instant, interval, sleep};

use crate::client::{Connection, Request};
use crate::memory::resident;

const PAUSE: Duration = Duration::from_millis(10);

/// Measures how long answers take, until it is asked for them.
pub(super) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<f64>>>,
}

impl Probe {
    /// Asks for what `next` makes. On a thread of its own, or it would wait behind the crowd's own
    /// answers, and tell how busy the crowd is.
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

    /// In milliseconds.
    pub(super) async fn delays(self) -> Result<Vec<f64>> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = task::spawn_blocking(|| self.thread.join()).await?;
        joined.map_err(|_| anyhow!("a probe has panicked"))?
    }
}

/// Watches the resident memory of a process.
pub(super) struct Memory(task::JoinHandle<()>, watch::Receiver<f64>);

pub(super) fn memory(pid: i32) -> Memory {
    let (most, seen) = watch::channel(0.0_f64);
    let task = tokio::spawn(async move {
        let mut sample = interval(PAUSE);
        loop {
            sample.tick().await;
            let Ok(now) = resident(pid, "VmRSS") else { return };
            most.send_modify(|most| *most = most.max(now));
        }
    });
    Memory(task, seen)
}

impl Memory {
    /// The most that was resident, in MiB.
    pub(super) fn most(self) -> f64 {
        self.0.abort();
        *self.1.borrow()
    }
}
