//! File access by path: the current folder only (Landlock).

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    PathFdError, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};

/// Why the layer is missing.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilesError {
    /// The kernel has no Landlock (Linux 5.13), or it is disabled.
    #[error("no Landlock")]
    Landlock(#[from] RulesetError),
    /// The current folder does not exist.
    #[error("no current folder")]
    Folder(#[from] PathFdError),
    /// Inherited descriptors are still open.
    #[error("inherited descriptors are open")]
    Inherited(#[source] io::Error),
}

/// The pipeline makes files in its folder. It reads them again to move the index to the front and to
/// find the segments.
const FOLDER_ACCESS: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{ReadFile | WriteFile | MakeReg | Truncate});

/// Confines this process to its current folder. Newer Landlock features (connections, signals, abstract
/// sockets) are optional: the system-call layer blocks the same actions.
pub(super) fn confine() -> Result<(), FilesError> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    close_inherited().map_err(FilesError::Inherited)?;
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new(".")?, FOLDER_ACCESS))?
        .restrict_self()?;
    Ok(())
}

/// A library in the parent may have opened descriptors without close-on-exec.
fn close_inherited() -> io::Result<()> {
    #![expect(unsafe_code, reason = "no safe binding has this call")]
    // SAFETY: nothing in this process owns a descriptor above the standard ones yet. The process has just
    // started and has one thread.
    match unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
