//! What a process that was killed has left behind.

use std::fs;
use std::path::Path;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::{POLL, PrivatePostgresError, STOP_PATIENCE, folder};

/// Stops a server that still runs on `data`, and removes a pid file that nobody stands behind.
pub(super) async fn stop_server(data: &Path) -> Result<(), PrivatePostgresError> {
    let pid_file = data.join("postmaster.pid");
    let Some((pid, _)) = running_server(data) else {
        return match fs::remove_file(&pid_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(folder(&pid_file)(error))
            }
            _ => Ok(()),
        };
    };
    tracing::info!("stopping a PostgreSQL that an earlier run has left");
    let started = Instant::now();
    // It may end by itself meanwhile: it was told to when its owner died.
    let _ = kill_process(pid, Signal::INT);
    while running_server(data).is_some() {
        if started.elapsed() > STOP_PATIENCE {
            let output = format!("an earlier one (pid {}) does not stop", pid.as_raw_nonzero());
            return Err(PrivatePostgresError::Failed { program: "postgres", output });
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// The process and port of the server that runs on `data`, if one does. Format of `postmaster.pid`:
/// pid, data folder, start time, port, … (PostgreSQL, `miscadmin.h`).
pub(super) fn running_server(data: &Path) -> Option<(Pid, u16)> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid: i32 = lines.next()?.trim().parse().ok()?;
    let port = lines.nth(2)?.trim().parse().ok()?;
    // A server's working directory is its data folder; anything else only has its old number.
    let working_in = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    let data = fs::canonicalize(data).ok()?;
    (working_in == data).then_some((Pid::from_raw(pid)?, port))
}
