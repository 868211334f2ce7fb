//! A PgBouncer of one test.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use test_services::java::free_port;
use url::Url;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running PgBouncer in front of a database. Dropping it ends it.
pub(crate) struct PgBouncer {
    /// The database through the pooler.
    pub(crate) url: String,
    process: Child,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts one with few settings: what a newcomer's configuration has.
    pub(crate) fn start(database_url: &str, pool_mode: &str) -> Self {
        let mut url: Url = database_url.parse().unwrap();
        let port = free_port().unwrap();
        let folder = tempfile::tempdir().unwrap();
        // PgBouncer does not run as root, and must read its configuration as another user.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let configuration = folder.path().join("pgbouncer.ini");
        let server = format!(
            "host={} port={} user={} password={}",
            url.host_str().unwrap(),
            url.port().unwrap(),
            url.username(),
            url.password().unwrap()
        );
        let text = format!(
            "[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\n"
        );
        std::fs::write(&configuration, text).unwrap();
        std::fs::set_permissions(&configuration, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        if rustix::process::geteuid().is_root() {
            command.args(["--user", "postgres"]);
        }
        let process = command
            .arg(&configuration)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("PgBouncer (scripts/setup.sh test installs it): {error}")
            });
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < START_TIMEOUT, "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        url.set_port(Some(port)).unwrap();
        Self { url: url.into(), process, _folder: folder }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        // SIGTERM ends it at once. It has already ended if this fails.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        let _ = self.process.wait();
    }
}
