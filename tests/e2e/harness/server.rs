//! A process of the real binary.

use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use super::client::ApiClient;
use super::environment::TestEnvironment;
use super::wait::{TEST_TIMEOUT, eventually};

/// The roles of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Roles {
    All,
    /// For tests that publish videos without transcoding.
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

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) api: ApiClient,
    log: PathBuf,
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub(crate) async fn start(env: &TestEnvironment, roles: Roles) -> Self {
        Self::start_with(env, roles, free_port(), &[]).await
    }

    pub(crate) async fn start_with(
        env: &TestEnvironment,
        roles: Roles,
        port: u16,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut server = Self::launch(env, roles, port, settings);
        server.wait_until_ready().await;
        server
    }

    /// Starts a server without waiting.
    pub(crate) fn launch(
        env: &TestEnvironment,
        roles: Roles,
        port: u16,
        settings: &[(&str, &str)],
    ) -> Self {
        let log = env.folder().join(format!("server-{port}.log"));
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let child = env
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
        Self { child, api: ApiClient::new(format!("http://127.0.0.1:{port}")), log }
    }

    pub(crate) async fn wait_until_ready(&mut self) {
        let Self { child, api, log } = self;
        eventually("the server is ready", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "the server ended with {status}:\n{}",
                    std::fs::read_to_string(&log).unwrap()
                );
            }
            let response = api.get("/ready").send().await.ok()?;
            response.status().is_success().then_some(())
        })
        .await;
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGINT, as Ctrl-C sends it; waits for the exit.
    pub(crate) async fn interrupt(self) -> ExitStatus {
        self.signal("-INT").await;
        self.wait_for_exit().await
    }

    /// SIGTERM, as a service manager sends it; waits for the exit.
    pub(crate) async fn terminate(self) -> ExitStatus {
        self.signal("-TERM").await;
        self.wait_for_exit().await
    }

    /// SIGSTOP: connections stay open and nothing happens on them.
    pub(crate) async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// SIGCONT after [`Self::freeze`].
    pub(crate) async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    /// Waits until its log says that it serves; processes without the API role log it, too.
    pub(crate) async fn wait_until_serving(&self) {
        eventually("the server serves", async || {
            let log = std::fs::read_to_string(&self.log).unwrap();
            let (started, stopped) =
                (log.matches("server started").count(), log.matches("server stopped").count());
            (started > stopped).then_some(())
        })
        .await;
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
    }

    async fn wait_for_exit(mut self) -> ExitStatus {
        tokio::time::timeout(TEST_TIMEOUT, self.child.wait()).await.unwrap().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            eprintln!("--- end of the server's log ---\n{}", tail.join("\n"));
        }
    }
}

/// A port that was just free.
pub(crate) fn free_port() -> u16 {
    test_services::java::free_port().unwrap()
}
