//! What a process that was killed has left behind.

use std::fs;
use std::path::Path;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::{POLL, PrivatePostgresError, STOP_PATIENCE, folder};

/// Stops a server that still runs on `data`, waits for what is left of one that was killed, and
/// removes a pid file that nobody stands behind.
pub(super) async fn stop_server(data: &Path) -> Result<(), PrivatePostgresError> {
    if let Some((pid, _)) = running_server(data) {
        tracing::info!("stopping a PostgreSQL that an earlier run has left");
        // It may end by itself meanwhile: it was told to when its owner died.
        let _ = kill_process(pid, Signal::INT);
    }
    let started = Instant::now();
    while let Some(pid) = somebody_works_in(data) {
        if started.elapsed() > STOP_PATIENCE {
            let output = format!("an earlier one (pid {pid}) does not stop");
            return Err(PrivatePostgresError::Failed { program: "postgres", output });
        }
        tokio::time::sleep(POLL).await;
    }
    let pid_file = data.join("postmaster.pid");
    match fs::remove_file(&pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(folder(&pid_file)(error)),
        _ => Ok(()),
    }
}

/// The process and port of the server that runs on `data`, if one does. Format of `postmaster.pid`:
/// pid, data folder, start time, port, … (PostgreSQL, `miscadmin.h`).
pub(super) fn running_server(data: &Path) -> Option<(Pid, u16)> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid: i32 = lines.next()?.trim().parse().ok()?;
    let port = lines.nth(2)?.trim().parse().ok()?;
    let data = fs::canonicalize(data).ok()?;
    // Otherwise it only has the old one's number.
    works_in(&pid.to_string(), &data).then_some((Pid::from_raw(pid)?, port))
}

/// Any process of a server on `data`: when the first one is killed the others take a moment to
/// notice, and a new server cannot start before they are gone.
fn somebody_works_in(data: &Path) -> Option<String> {
    let data = fs::canonicalize(data).ok()?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().into_string().ok());
    pids.find(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && works_in(pid, &data))
}

/// A server's working directory is its data folder.
fn works_in(pid: &str, data: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data)
}
