//! Resident memory of a process.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

const SAMPLE_INTERVAL: Duration = Duration::from_millis(10);

/// A line of `/proc/PID/status` (`VmRSS`, `VmHWM`), in MiB.
pub(crate) fn resident(pid: i32, line: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process ended")?;
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib = value.and_then(|value| value.trim().strip_suffix(" kB")).context("no such line")?;
    Ok(kib.parse::<f64>()? / 1024.0)
}

/// Samples a process until it ends or [`Self::peak`] is called.
pub(crate) struct Sampler {
    task: JoinHandle<()>,
    peak: watch::Receiver<f64>,
}

impl Sampler {
    pub(crate) fn start(pid: i32, line: &'static str) -> Self {
        let (most, peak) = watch::channel(0.0_f64);
        let task = tokio::spawn(async move {
            let mut sample = interval(SAMPLE_INTERVAL);
            loop {
                sample.tick().await;
                let Ok(now) = resident(pid, line) else { return };
                most.send_modify(|most| *most = most.max(now));
            }
        });
        Self { task, peak }
    }

    /// The highest sample, in MiB.
    pub(crate) fn peak(self) -> f64 {
        self.task.abort();
        *self.peak.borrow()
    }
}
