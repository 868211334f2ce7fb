//! The user that the server runs as, and a folder that this user can reach.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::{PrivatePostgresError, folder};

/// Holds clusters whose own folder the server's user cannot reach, such as one below `/root`.
const FALLBACK_FOLDER: &str = "/var/lib/anb";

pub(super) enum RunAs {
    /// The user of this process.
    CurrentUser,
    /// Another user, because this process runs as root.
    OtherUser { uid: u32, gid: u32 },
}

impl RunAs {
    /// The current user, unless it is root. Then `postgres` if that user exists, else `nobody`.
    pub(super) fn choose() -> Result<Self, PrivatePostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::CurrentUser);
        }
        let passwd = Path::new("/etc/passwd");
        let users = fs::read_to_string(passwd).map_err(folder(passwd))?;
        ["postgres", "nobody"].iter().find_map(|name| user(&users, name)).ok_or_else(|| {
            let error = io::Error::other("no user `postgres` or `nobody` to run PostgreSQL as");
            folder(passwd)(error)
        })
    }

    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self::OtherUser { uid, gid } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// A command through `setpriv`, which makes the kernel stop the server when this process ends. It must
    /// run after the change of user, which resets this request.
    pub(super) fn command_that_dies_with_parent(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if let Self::OtherUser { uid, gid } = self {
            command.args(["--clear-groups", "--reuid", &uid.to_string()]);
            command.args(["--regid", &gid.to_string()]);
        }
        command.arg("--").arg(program);
        command
    }

    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::CurrentUser => Ok(()),
            Self::OtherUser { uid, gid } => chown(path, Some(*uid), Some(*gid)),
        }
    }

    /// Creates `home`, owned by the server's user and closed to all others. If that user cannot reach it,
    /// `home` becomes a link to a folder that it can reach.
    pub(super) fn reachable_home(&self, home: &Path) -> Result<PathBuf, PrivatePostgresError> {
        let home = std::path::absolute(home).map_err(folder(home))?;
        if let Some(parent) = home.parent() {
            fs::create_dir_all(parent).map_err(folder(parent))?;
        }
        if home.is_symlink() {
            return fs::canonicalize(&home).map_err(folder(&home));
        }
        self.make_private(&home)?;
        if self.can_reach(&home) {
            return Ok(home);
        }
        let fallback = Path::new(FALLBACK_FOLDER).join(uuid::Uuid::new_v4().simple().to_string());
        fs::create_dir_all(FALLBACK_FOLDER).map_err(folder(Path::new(FALLBACK_FOLDER)))?;
        self.make_private(&fallback)?;
        fs::remove_dir(&home).map_err(folder(&home))?;
        symlink(&fallback, &home).map_err(folder(&home))?;
        Ok(fallback)
    }

    fn make_private(&self, home: &Path) -> Result<(), PrivatePostgresError> {
        fs::create_dir_all(home).map_err(folder(home))?;
        fs::set_permissions(home, Permissions::from_mode(0o700)).map_err(folder(home))?;
        self.own(home).map_err(folder(home))
    }

    fn can_reach(&self, home: &Path) -> bool {
        let mut test = self.command(Path::new("test"));
        let test = test.arg("-w").arg(home).current_dir("/").stdin(Stdio::null());
        test.status().is_ok_and(|status| status.success())
    }
}

/// The folder without symbolic links.
pub(super) fn resolved(home: &Path) -> PathBuf {
    fs::canonicalize(home).unwrap_or_else(|_| home.to_owned())
}

/// A line of `passwd(5)`: name, password, uid, gid, ….
fn user(users: &str, name: &str) -> Option<RunAs> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(RunAs::OtherUser { uid, gid })
}
