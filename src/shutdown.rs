//! Shutdown signals. The first SIGINT or SIGTERM starts an orderly shutdown, the second ends the process.

use std::process;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status 128 + SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// Returns a token that the first signal cancels. The second signal ends the process at once.
pub(crate) fn on_signals() -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                process::exit(EXIT_INTERRUPTED);
            }
            stop.cancel();
        }
    });
    Ok(token)
}
