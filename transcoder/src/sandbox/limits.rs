//! Resource limits of the kernel (`setrlimit`).

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Processor time between the soft and the hard limit.
const GRACE_SECONDS: u64 = 5;

/// The limits of the process.
///
/// There is no limit on processes: the kernel would count all threads of the user, the server's too.
/// The system-call layer allows threads and blocks new processes instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processor time of all threads. 30 s of the largest accepted video need about a minute.
    pub cpu_seconds: u64,
    /// Address space in bytes. An 8K decoder with a frame per thread needs about half.
    pub address_space: u64,
    /// Size of a file in bytes. The rate control keeps 30 s below 40 MB.
    pub file_bytes: u64,
    /// Open files.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_seconds: 600, address_space: 4 << 30, file_bytes: 512 << 20, open_files: 32 }
    }
}

impl Limits {
    pub(super) fn impose(&self) -> io::Result<()> {
        // At the soft limit SIGXCPU tells the worker the reason. A process can ignore it, so the hard
        // limit kills a few seconds later.
        let limits = [
            (Resource::Cpu, self.cpu_seconds, GRACE_SECONDS),
            (Resource::As, self.address_space, 0),
            (Resource::Fsize, self.file_bytes, 0),
            (Resource::Nofile, self.open_files, 0),
            (Resource::Core, 0, 0),
        ];
        for (resource, limit, grace) in limits {
            let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let [current, maximum] = [limit, limit + grace].map(|limit| Some(limit.min(most)));
            setrlimit(resource, Rlimit { current, maximum })?;
        }
        Ok(())
    }
}
