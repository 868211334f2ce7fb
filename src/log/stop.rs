//! Ctrl-C in the middle of a transfer.

use anyhow::{Result, bail};

use crate::shutdown;

/// Runs `task` until it ends or the first signal arrives.
pub(super) async fn unless_stopped<T>(task: impl Future<Output = Result<T>>) -> Result<T> {
    let stop = shutdown::on_signals()?;
    tokio::select! {
        result = task => result,
        () = stop.cancelled() => bail!("stopped; the same command continues"),
    }
}
