//! The sandbox: what a process that decodes a stranger's file can no longer do.
//!
//! It is a list of layers, each built on its own. Where a kernel lacks what a layer needs, the others
//! still stand; which ones are missing is for the caller to judge. The process must have one thread
//! only when it enters: later threads inherit the layers.

mod files;
mod limits;
mod system_calls;

use std::fmt::{self, Display};

use rustix::process::{
    DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};
use rustix::thread::set_no_new_privs;

pub use limits::Limits;

/// A layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxLayer {
    /// The process ends with its parent.
    EndWithParent,
    /// No program gives it more rights than it has.
    NoNewPrivileges,
    /// Nobody reads its memory, and it leaves no core behind.
    NoDebugger,
    /// Processor time, memory, sizes and numbers of files.
    Limits,
    /// Of all files only the three that it was started with, and its current folder; no network.
    Files,
    /// Of all system calls only those that the pipeline needs.
    SystemCalls,
}

impl SandboxLayer {
    /// All of them, in the order in which they are built: system calls last, because the others need
    /// some that are denied then.
    pub const ALL: [Self; 6] = [
        Self::EndWithParent,
        Self::NoNewPrivileges,
        Self::NoDebugger,
        Self::Limits,
        Self::Files,
        Self::SystemCalls,
    ];

    fn build(self, limits: &Limits) -> Built {
        match self {
            // The kernel watches the thread that has started us, not its process. The worker starts
            // children from threads of the runtime, which live as long as it does.
            Self::EndWithParent => {
                set_parent_process_death_signal(Some(Signal::KILL)).map_err(boxed)
            }
            Self::NoNewPrivileges => set_no_new_privs(true).map_err(boxed),
            Self::NoDebugger => set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(boxed),
            Self::Limits => limits.impose().map_err(boxed),
            Self::Files => files::confine().map_err(boxed),
            Self::SystemCalls => system_calls::allow_only().map_err(boxed),
        }
    }
}

type Built = Result<(), Box<dyn Display>>;

impl Display for SandboxLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndWithParent => "end with the parent",
            Self::NoNewPrivileges => "no new privileges",
            Self::NoDebugger => "no debugger",
            Self::Limits => "limits",
            Self::Files => "files",
            Self::SystemCalls => "system calls",
        })
    }
}

/// Builds all layers around this process. Returns those that cannot be built here, and why.
pub fn enter() -> Vec<String> {
    build(&SandboxLayer::ALL, &Limits::default())
}

/// Builds only these, in this order: how a test shows what each of them is good for.
pub fn build(layers: &[SandboxLayer], limits: &Limits) -> Vec<String> {
    let missing =
        |layer: &SandboxLayer| layer.build(limits).err().map(|error| format!("{layer}: {error}"));
    layers.iter().filter_map(missing).collect()
}

fn boxed(error: impl Display + 'static) -> Box<dyn Display> {
    Box::new(error)
}
