//! The sandbox: what a process that decodes a stranger's file can no longer do.
//!
//! It is a list of walls, each built on its own. Where a kernel lacks what a wall needs, the others
//! still stand; which ones are missing goes into the child's report, and the worker warns once. The
//! process must have one thread only when it enters: later threads inherit the walls.

mod system_calls;

use std::fmt::Display;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_no_new_privs;

/// Processor time, all threads together: 30 s of the largest video that we take need about a minute.
const CPU_SECONDS: u64 = 600;
/// Address space. An 8K decoder with a frame per thread needs about half.
const ADDRESS_SPACE: u64 = 4 << 30;
/// The rate control keeps 30 s below 40 MB.
const FILE_BYTES: u64 = 512 << 20;
const OPEN_FILES: u64 = 32;

type Built = Result<(), Box<dyn Display>>;

/// A wall: what it is called, and how it is built.
type Wall = (&'static str, fn() -> Built);

/// In this order: privileges first, system calls last, because the others need some of them.
const WALLS: [Wall; 6] = [
    ("end with the parent", end_with_parent),
    ("no new privileges", no_new_privileges),
    ("no debugger", no_debugger),
    ("limits", limits),
    ("private files", private_files),
    ("system calls", deny_system_calls),
];

/// Builds the walls around this process. Returns those that cannot be built here, and why.
pub fn enter() -> Vec<String> {
    let build = |(name, build): Wall| build().err().map(|error| format!("{name}: {error}"));
    WALLS.into_iter().filter_map(build).collect()
}

/// The kernel watches the thread that has started us, not its process. The worker starts children from
/// threads of the runtime, which live as long as it does.
fn end_with_parent() -> Built {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(boxed)
}

fn no_new_privileges() -> Built {
    set_no_new_privs(true).map_err(boxed)
}

/// Nobody reads this process's memory, and it leaves no core behind.
fn no_debugger() -> Built {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(boxed)
}

/// The number of processes is not limited here: the kernel counts all threads of the user, those of
/// the server too. Instead the last wall allows threads and forbids processes.
fn limits() -> Built {
    let limits = [
        (Resource::Cpu, CPU_SECONDS),
        (Resource::As, ADDRESS_SPACE),
        (Resource::Fsize, FILE_BYTES),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Core, 0),
    ];
    for (resource, limit) in limits {
        let allowed = getrlimit(resource).maximum.unwrap_or(limit).min(limit);
        let both = Rlimit { current: Some(allowed), maximum: Some(allowed) };
        setrlimit(resource, both).map_err(boxed)?;
    }
    Ok(())
}

fn private_files() -> Built {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    Ok(())
}

fn deny_system_calls() -> Built {
    system_calls::deny().map_err(boxed)
}

fn boxed(error: impl Display + 'static) -> Box<dyn Display> {
    Box::new(error)
}
