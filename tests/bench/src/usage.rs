//! The cost of a command: wall-clock time, processor time, peak memory.
#![expect(unsafe_code, reason = "no safe binding reports the usage of a single child")]

use std::mem::MaybeUninit;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// The usage of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_mib: f64,
}

/// Runs a command that must succeed. Returns its usage.
pub(crate) fn of(command: &mut Command) -> Result<Usage> {
    let started = Instant::now();
    let child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let pid = i32::try_from(child.id())?;
    let (mut status, mut used) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: no other code waits for this child; both pointers are valid.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, used.as_mut_ptr()) };
    let wall = started.elapsed();
    ensure!(waited == pid && status == 0, "{command:?} ends with {status}");
    // SAFETY: `rusage` has only integer fields, and the kernel has filled them in.
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
