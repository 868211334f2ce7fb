//! Cleans up after a process that was killed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::error::{PrivatePostgresError, folder};

pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Stops a server that still runs on `data`, waits for the processes of a killed one, and removes a stale
/// pid file.
pub(super) async fn stop_server(data: &Path) -> Result<(), PrivatePostgresError> {
    if let Some((pid, _)) = running_server(data) {
        tracing::info!("stopping a PostgreSQL server of an earlier run");
        // Fails if it has ended already: the kernel told it to when its parent died.
        let _ = kill_process(pid, Signal::INT);
    }
    let started = Instant::now();
    while let Some(pid) = any_process_in(data) {
        if started.elapsed() > STOP_TIMEOUT {
            let output = format!("the server of an earlier run (pid {pid}) does not stop");
            return Err(PrivatePostgresError::Failed { program: "postgres", output });
        }
        tokio::time::sleep(POLL_INTERVAL).await;
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
    // Another process may have got the same pid.
    works_in(&pid.to_string(), &data).then_some((Pid::from_raw(pid)?, port))
}

/// The pid of any process of a server on `data`. After the first process was killed, the others take a
/// moment to end, and no new server can start before.
fn any_process_in(data: &Path) -> Option<String> {
    let data = fs::canonicalize(data).ok()?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().into_string().ok());
    pids.find(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && works_in(pid, &data))
}

/// A server's working directory is its data folder.
fn works_in(pid: &str, data: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data)
}
