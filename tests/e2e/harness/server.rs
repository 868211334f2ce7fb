//! The real binary, running.

use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use super::{Api, World, eventually};

/// The binary under test.
pub(crate) const ANB: &str = env!("CARGO_BIN_EXE_anb");

/// What a server does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Roles {
    All,
    /// Everything but transcoding, for scenarios that publish videos by themselves.
    NoTranscoder,
    Api,
    Projector,
    Transcoder,
}

impl Roles {
    fn names(self) -> &'static str {
        match self {
            Self::All => "api,projector,transcoder",
            Self::NoTranscoder => "api,projector",
            Self::Api => "api",
            Self::Projector => "projector",
            Self::Transcoder => "transcoder",
        }
    }
}

/// A running server. It is killed when this is dropped, also by a panic.
pub(crate) struct Server {
    child: Child,
    pub(crate) api: Api,
    log: PathBuf,
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub(crate) async fn start(world: &World, roles: Roles) -> Self {
        Self::start_with(world, roles, free_port(), &[]).await
    }

    pub(crate) async fn start_with(
        world: &World,
        roles: Roles,
        port: u16,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut server = Self::launch(world, roles, port, settings);
        server.ready().await;
        server
    }

    /// Starts a server and waits for nothing.
    pub(crate) fn launch(
        world: &World,
        roles: Roles,
        port: u16,
        settings: &[(&str, &str)],
    ) -> Self {
        let log = world.folder().join(format!("server-{port}.log"));
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let child = world
            .anb(&["serve"])
            .env("HTTP_ADDR", format!("127.0.0.1:{port}"))
            .env("ROLES", roles.names())
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, api: Api::new(format!("http://127.0.0.1:{port}")), log }
    }

    pub(crate) async fn ready(&mut self) {
        let Self { child, api, log } = self;
        eventually("the server is ready", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "the server ended with {status}:\n{}",
                    std::fs::read_to_string(&log).unwrap()
                );
            }
            let answer = api.get("/ready").send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// What SIGKILL, or a power cut, does.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// What Ctrl-C does.
    pub(crate) async fn interrupt(self) -> ExitStatus {
        self.signal("-INT").await;
        self.ended().await
    }

    /// What a service manager does.
    pub(crate) async fn terminate(self) -> ExitStatus {
        self.signal("-TERM").await;
        self.ended().await
    }

    /// It hangs from now on: its connections stay, and nothing happens on them.
    pub(crate) async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// It goes on as if nothing had happened.
    pub(crate) async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    /// Waits until it says that it serves, whatever its roles.
    pub(crate) async fn serving(&self) {
        eventually("the server serves", async || {
            let log = std::fs::read_to_string(&self.log).unwrap();
            let (started, stopped) =
                (log.matches(" serving ").count(), log.matches(" stopped").count());
            (started > stopped).then_some(())
        })
        .await;
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
    }

    async fn ended(mut self) -> ExitStatus {
        tokio::time::timeout(super::PATIENCE, self.child.wait()).await.unwrap().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            eprintln!("--- the server's last words ---\n{}", tail.join("\n"));
        }
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    test_services::java::free_port().unwrap()
}
