//! Files: the current folder, where the results go, and nothing else that has a name.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    PathFdError, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};

/// Why there is no layer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilesError {
    /// The kernel has no Landlock (Linux 5.13), or it is switched off.
    #[error("no Landlock: {0}")]
    Landlock(#[from] RulesetError),
    /// The current folder is gone.
    #[error("no current folder: {0}")]
    Folder(#[from] PathFdError),
    /// What was inherited is still open.
    #[error("inherited descriptors: {0}")]
    Inherited(io::Error),
}

/// What the pipeline does in its folder: it makes files, and reads some again: to move an index to the
/// front, and to see where segments lie.
const IN_THE_FOLDER: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{ReadFile | WriteFile | MakeReg | Truncate});

/// Confines this process to its current folder. What newer kernels can deny beyond that (connections,
/// signals, abstract sockets) is denied where it can be: the list of system calls has none of it.
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
        .add_rule(PathBeneath::new(PathFd::new(".")?, IN_THE_FOLDER))?
        .restrict_self()?;
    Ok(())
}

/// A library of the parent may have opened something without asking for it to be closed in children.
fn close_inherited() -> io::Result<()> {
    #![expect(unsafe_code, reason = "no safe binding has this call")]
    // SAFETY: nothing in this process owns a descriptor above the standard ones yet: it has just been
    // started, and has one thread.
    match unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
