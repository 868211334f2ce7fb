//! The sandbox of the process that decodes an untrusted file.
//!
//! It consists of independent layers. Where the kernel does not support one, the others still hold; the
//! caller decides about missing ones. A process must have exactly one thread when it enters: later
//! threads inherit the layers.

mod files;
mod limits;
mod system_calls;

use std::error::Error;
use std::fmt::{self, Display};

use infra::error_chain::error_chain;
use rustix::process::{
    DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};
use rustix::thread::set_no_new_privs;

pub use limits::Limits;

/// A layer of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxLayer {
    /// The process ends with its parent.
    EndWithParent,
    /// No program that it starts gains privileges.
    NoNewPrivileges,
    /// No other process reads its memory, and it writes no core dump.
    NoDebugger,
    /// Limits on processor time, memory, file sizes and open files.
    Limits,
    /// Access to the standard streams and the current folder only; no network.
    Files,
    /// An allowlist of system calls.
    SystemCalls,
}

impl SandboxLayer {
    /// All layers in the order of entering. System calls come last, because the other layers need calls
    /// that are not on the allowlist.
    pub const ALL: [Self; 6] = [
        Self::EndWithParent,
        Self::NoNewPrivileges,
        Self::NoDebugger,
        Self::Limits,
        Self::Files,
        Self::SystemCalls,
    ];

    fn enter(self, limits: &Limits) -> Result<(), Box<dyn Error>> {
        match self {
            // The kernel watches the parent's thread, not its process. The worker starts children from
            // runtime threads, which live as long as the worker.
            Self::EndWithParent => {
                set_parent_process_death_signal(Some(Signal::KILL))?;
            }
            Self::NoNewPrivileges => set_no_new_privs(true)?,
            Self::NoDebugger => set_dumpable_behavior(DumpableBehavior::NotDumpable)?,
            Self::Limits => limits.impose()?,
            Self::Files => files::confine()?,
            Self::SystemCalls => system_calls::allow_only()?,
        }
        Ok(())
    }
}

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

/// Enters all layers. Returns the layers that this machine does not support, with the error as text,
/// because the child prints it.
pub fn enter() -> Vec<String> {
    enter_layers(&SandboxLayer::ALL, &Limits::default())
}

/// Enters only these layers, in this order. Tests show with it what each layer blocks.
pub fn enter_layers(layers: &[SandboxLayer], limits: &Limits) -> Vec<String> {
    let missing = |layer: &SandboxLayer| {
        layer.enter(limits).err().map(|error| format!("{layer}: {}", error_chain(error.as_ref())))
    };
    layers.iter().filter_map(missing).collect()
}
