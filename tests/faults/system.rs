//! The system under test: two processes of each role; every connection goes through a fault proxy.

use std::path::PathBuf;

use tempfile::TempDir;
use test_services::java::free_port;
use tokio::process::Command;

use super::anb;
use super::fault_proxy::FaultProxy;
use super::process::Process;
use super::services::Services;

pub(crate) const PARTITIONS: u32 = 8;
pub(crate) const ROLES: [&str; 3] = ["api", "projector", "transcoder"];

pub(crate) const PROCESSES_PER_ROLE: usize = 2;

pub(crate) struct SystemUnderTest {
    folder: TempDir,
    pub(crate) services: Services,
    /// In the order of [`ROLES`].
    pub(crate) processes: Vec<Process>,
    /// The proxy in front of each API process.
    pub(crate) to_apis: Vec<FaultProxy>,
}

impl SystemUnderTest {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("anb-faults-").tempdir().unwrap();
        let services = Services::start().await;
        let mut system = Self { folder, services, processes: Vec::new(), to_apis: Vec::new() };
        for role in ROLES {
            for n in 1..=PROCESSES_PER_ROLE {
                system.add(role, n).await;
            }
        }
        system
    }

    async fn add(&mut self, role: &str, n: usize) {
        let name = format!("{role}-{n}");
        let port = free_port().unwrap();
        if role == "api" {
            let link = FaultProxy::open().await.unwrap();
            link.forward_to(port);
            self.to_apis.push(link);
        }
        let mut command = self.anb(&["serve"], &name);
        command.env("ROLES", role).env("HTTP_ADDR", format!("127.0.0.1:{port}"));
        self.processes.push(Process::start(&name, self.log(&name), command));
    }

    /// A command of the binary with every setting and its own data folder.
    pub(crate) fn anb(&self, arguments: &[&str], name: &str) -> Command {
        let Services { database_url, kafka, s3, .. } = &self.services;
        let mut settings = vec![
            ("DATABASE_URL", database_url.as_str()),
            ("SECRET_KEY", "a secret key for faults, 32 bytes or more"),
            // Short, so that some commands are still pending when their request ends.
            ("VERDICT_DEADLINE_MS", "500"),
            ("SHUTDOWN_GRACE_MS", "300"),
        ];
        settings.extend(kafka.settings());
        settings.extend(s3.settings());
        let mut command = anb::command(arguments, self.folder.path(), &settings);
        command.env("DATA_DIR", self.folder.path().join(name));
        command.env("LOG_PARTITIONS", PARTITIONS.to_string());
        command
    }

    /// The base URLs of the APIs.
    pub(crate) fn apis(&self) -> Vec<String> {
        self.to_apis.iter().map(|link| format!("http://127.0.0.1:{}", link.port)).collect()
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join("checker")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }
}

impl Drop for SystemUnderTest {
    /// Keeps the logs after a panic.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("logs of every process: {}", self.folder.path().display());
        }
    }
}
