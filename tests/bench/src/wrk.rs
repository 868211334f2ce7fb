//! The load generator of pages: `wrk`, which takes little processor time.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// The default of 2 s is too short for the first answers after a large fill.
const ANSWER_TIMEOUT: &str = "10s";

/// Connections with one request in flight at all times.
#[derive(Clone, Copy)]
pub(crate) struct Wrk {
    pub(crate) connections: usize,
    pub(crate) measured: Duration,
}

/// The request to send.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) path: &'a str,
    /// Header lines, `name: value`.
    pub(crate) headers: &'a [String],
    /// A Lua script that chooses the path of each request.
    pub(crate) script: Option<&'a Path>,
}

impl<'a> Target<'a> {
    pub(crate) fn page(path: &'a str) -> Self {
        Self { path, headers: &[], script: None }
    }
}

impl Wrk {
    /// Returns the answers per second.
    ///
    /// # Errors
    /// If a request fails, is not answered with 2xx or 3xx, or takes longer than [`ANSWER_TIMEOUT`].
    pub(crate) async fn drive(self, address: SocketAddr, target: Target<'_>) -> Result<f64> {
        let mut wrk = process::command(Path::new("wrk"));
        wrk.args(["--threads", "1", "--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.measured.as_secs())])
            .args(["--timeout", ANSWER_TIMEOUT]);
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

/// The rate in the output of `wrk`.
fn rate(said: &str) -> Result<f64> {
    let value = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name));
    for trouble in ["Non-2xx or 3xx responses:", "Socket errors:"] {
        if let Some(count) = value(trouble) {
            bail!("{trouble}{count}");
        }
    }
    let rate = value("Requests/sec:").context("wrk reports no rate")?;
    Ok(rate.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn the_rate_is_parsed_and_errors_fail() {
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
