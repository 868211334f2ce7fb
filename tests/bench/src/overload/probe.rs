//! Somebody who looks in from time to time, on a connection of their own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use http::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep};

use crate::client::{Connection, Request};
use crate::memory::resident;

const PAUSE: Duration = Duration::from_millis(10);

/// Measures how long answers take, until it is asked for them.
pub(super) struct Probe {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Vec<f64>>>,
}

impl Probe {
    /// Asks for what `next` makes.
    pub(super) async fn start(
        address: SocketAddr,
        next: impl Fn() -> Result<Request> + Send + 'static,
    ) -> Result<Self> {
        let mut connection = Connection::open(address).await?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut delays = Vec::new();
            while !*stopped.borrow() {
                let request = next()?;
                let asked = Instant::now();
                connection.send(request).await?.expect(StatusCode::OK)?;
                delays.push(asked.elapsed().as_secs_f64() * 1e3);
                sleep(PAUSE).await;
            }
            Ok(delays)
        });
        Ok(Self { stop, task })
    }

    /// In milliseconds.
    pub(super) async fn delays(self) -> Result<Vec<f64>> {
        self.stop.send_replace(true);
        self.task.await?
    }
}

/// Watches the resident memory of a process.
pub(super) struct Memory(JoinHandle<()>, watch::Receiver<f64>);

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
