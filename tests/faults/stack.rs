//! The system under test: two processes of each role on the services, every connection through a
//! link that can be disturbed.

use std::path::PathBuf;

use tempfile::TempDir;
use test_services::java::free_port;
use tokio::process::Command;

use super::process::Process;
use super::proxy::Link;
use super::services::Services;

pub(crate) const PARTITIONS: u32 = 8;
pub(crate) const ROLES: [&str; 3] = ["api", "projector", "transcoder"];

/// Of each role.
pub(crate) const PROCESSES: usize = 2;

pub(crate) struct Stack {
    folder: TempDir,
    pub(crate) services: Services,
    /// In the order of [`ROLES`].
    pub(crate) processes: Vec<Process>,
    /// From clients to each API process.
    pub(crate) to_apis: Vec<Link>,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("anb-faults-").tempdir().unwrap();
        let services = Services::start().await;
        let mut stack = Self { folder, services, processes: Vec::new(), to_apis: Vec::new() };
        for role in ROLES {
            for n in 1..=PROCESSES {
                stack.add(role, n).await;
            }
        }
        stack
    }

    async fn add(&mut self, role: &str, n: usize) {
        let name = format!("{role}-{n}");
        let port = free_port().unwrap();
        if role == "api" {
            let link = Link::open().await.unwrap();
            link.lead_to(port);
            self.to_apis.push(link);
        }
        let mut command = self.anb(&["serve"], &name);
        command.env("ROLES", role).env("HTTP_ADDR", format!("127.0.0.1:{port}"));
        self.processes.push(Process::start(&name, self.log(&name), command));
    }

    /// The binary with every setting, and a data folder of its own.
    pub(crate) fn anb(&self, arguments: &[&str], name: &str) -> Command {
        let Services { database_url, kafka, s3, .. } = &self.services;
        let mut command = Command::new(env!("CARGO_BIN_EXE_anb"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATA_DIR", self.folder.path().join(name))
            .env("DATABASE_URL", database_url)
            .env("SECRET_KEY", "a secret key for faults, 32 bytes or more")
            .env("LOG_PARTITIONS", PARTITIONS.to_string())
            .env("EVENT_LOG", "kafka")
            .env("KAFKA_BROKERS", &kafka.brokers)
            .env("KAFKA_TOPIC", &kafka.topic)
            .env("STORAGE_BACKEND", "s3")
            .env("AWS_S3_BUCKET_NAME", &s3.bucket)
            .env("AWS_ENDPOINT_URL", &s3.endpoint)
            .env("AWS_REGION", &s3.region)
            .env("AWS_ACCESS_KEY_ID", &s3.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &s3.secret_key)
            // Short, so that commands outlive their requests now and then.
            .env("VERDICT_DEADLINE_MS", "500")
            .env("SHUTDOWN_GRACE_MS", "300")
            .env("RUST_LOG", "info");
        command
    }

    /// Where clients reach the APIs.
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

impl Drop for Stack {
    /// Whoever has to find out what went wrong needs the logs.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("logs of every process: {}", self.folder.path().display());
        }
    }
}
