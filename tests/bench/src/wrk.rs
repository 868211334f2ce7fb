//! The load generator of pages: `wrk`, which costs little beside what it drives.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// After its 2 s some answers of a database that has just been filled count as errors.
const PATIENCE: &str = "10s";

/// So many connections, each with one request under way at all times.
#[derive(Clone, Copy)]
pub(crate) struct Wrk {
    pub(crate) connections: usize,
    pub(crate) measured: Duration,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) path: &'a str,
    /// Lines such as `name: value`.
    pub(crate) headers: &'a [String],
    /// Chooses each request's path, in Lua.
    pub(crate) script: Option<&'a Path>,
}

impl<'a> Target<'a> {
    pub(crate) fn page(path: &'a str) -> Self {
        Self { path, headers: &[], script: None }
    }
}

impl Wrk {
    /// Answers per second. An error, an answer that is no success, or one that takes longer than
    /// [`PATIENCE`] ends the run.
    pub(crate) async fn drive(self, address: SocketAddr, target: Target<'_>) -> Result<f64> {
        let mut wrk = process::command(Path::new("wrk"));
        wrk.args(["--threads", "1", "--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.measured.as_secs())])
            .args(["--timeout", PATIENCE]);
        for header in target.headers {
            wrk.args(["--header", header]);
        }
        if let Some(script) = target.script {
            wrk.arg("--script").arg(script);
        }
        wrk.arg(format!("http://{address}{}", target.path));
        let output = wrk.kill_on_drop(true).output().await.context("`wrk` cannot be run")?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("wrk: {said}{}", String::from_utf8_lossy(&output.stderr));
        }
        rate(&said)
    }
}

/// What `wrk` reports at its end.
fn rate(said: &str) -> Result<f64> {
    let value = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name));
    for trouble in ["Non-2xx or 3xx responses:", "Socket errors:"] {
        if let Some(count) = value(trouble) {
            bail!("{trouble}{count}");
        }
    }
    let rate = value("Requests/sec:").context("wrk tells no rate")?;
    Ok(rate.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_read_and_trouble_is_seen() {
        let good = "  3 requests in 4.00s, 1MB read\nRequests/sec:  51234.56\nTransfer/sec: 1MB\n";
        assert_eq!(rate(good).unwrap(), 51_234.56);
        for bad in [
            "",
            "  Non-2xx or 3xx responses: 4\nRequests/sec: 5.0\n",
            "  Socket errors: connect 0, read 1, write 0, timeout 0\nRequests/sec: 5.0\n",
        ] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
