//! When to stop: Ctrl-C or SIGTERM once asks politely, twice insists.

use std::process;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit status of a process that was interrupted: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// A token that the first signal cancels. The second ends the process at once.
pub(crate) fn on_signals() -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let token = CancellationToken::new();
    let asked = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked.is_cancelled() {
                process::exit(INTERRUPTED);
            }
            asked.cancel();
        }
    });
    Ok(token)
}
