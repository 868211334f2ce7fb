//! What a command costs: time by the clock, time of the processors, memory.
#![expect(unsafe_code, reason = "no safe binding asks for what a single child has used")]

use std::mem::MaybeUninit;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// What one run has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_mib: f64,
}

/// Runs a command to its end, which must be a good one.
pub(crate) fn of(command: &mut Command) -> Result<Usage> {
    let started = Instant::now();
    let child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let pid = i32::try_from(child.id())?;
    let (mut status, mut used) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: the child is ours, and nobody else waits for it; both pointers are valid.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, used.as_mut_ptr()) };
    let wall = started.elapsed();
    ensure!(waited == pid && status == 0, "{command:?} ends with {status}");
    // SAFETY: plain numbers, for which zeroes are good, and which the kernel has filled in.
    let used = unsafe { used.assume_init() };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs())
            + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    Ok(Usage {
        wall,
        cpu: time(used.ru_utime) + time(used.ru_stime),
        peak_mib: used.ru_maxrss as f64 / 1024.0,
    })
}
