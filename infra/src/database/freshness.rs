//! Whether a pooled connection still leads to the server that takes writes.
//!
//! After a fail-over, a demoted server may keep its sessions. They would be read-only, and their rows would
//! never change again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use crate::timeout::within;

/// Bounds the test of a connection. One without an answer is half open, and another one is opened.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);
/// How often one of the connections is asked whether its server takes writes. While a server is read-only,
/// all connections are replaced this often.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// When the connections of one pool were checked and found bad.
#[derive(Clone, Debug)]
pub(super) struct Freshness(Arc<Times>);

#[derive(Debug)]
struct Times {
    start: Instant,
    /// Milliseconds from the start to the last check.
    checked: AtomicU64,
    /// Milliseconds from the start. Older connections are replaced.
    oldest_usable: AtomicU64,
}

impl Default for Freshness {
    fn default() -> Self {
        let (checked, oldest_usable) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Times { start: Instant::now(), checked, oldest_usable }))
    }
}

impl Freshness {
    /// Tests a connection before it is used, with one round trip. `Ok(false)` or an error closes it.
    pub(super) async fn is_usable(
        &self,
        connection: &mut PgConnection,
        age: Duration,
    ) -> Result<bool, sqlx::Error> {
        let now = self.now();
        let opened = now.saturating_sub(millis(age));
        let oldest_usable = self.0.oldest_usable.load(Ordering::Relaxed);
        if oldest_usable > 0 && opened <= oldest_usable {
            return Ok(false);
        }
        if !self.check_is_due(now) {
            within("database_test", TEST_TIMEOUT, connection.ping()).await??;
            return Ok(true);
        }
        if within("database_test", TEST_TIMEOUT, is_read_only(connection)).await?? {
            self.replace_all("its server is read-only");
            return Ok(false);
        }
        Ok(true)
    }

    /// If a statement on one connection has found its server read-only, the others are no better.
    pub(super) fn suspect(&self, error: &sqlx::Error) {
        let code = error.as_database_error().and_then(|error| error.code());
        if code.as_deref() == Some(READ_ONLY) {
            self.replace_all("a statement found its server read-only");
        }
    }

    /// Closes every connection that is open now before its next use.
    fn replace_all(&self, reason: &'static str) {
        let now = self.now();
        let last = self.0.oldest_usable.load(Ordering::Relaxed);
        if last == 0 || now.saturating_sub(last) >= millis(CHECK_INTERVAL) {
            self.0.oldest_usable.store(now, Ordering::Relaxed);
            tracing::warn!(reason, "the connections to the database are replaced");
            metrics::counter!("anb_database_pool_replacements_total").increment(1);
        }
    }

    fn check_is_due(&self, now: u64) -> bool {
        let checked = self.0.checked.load(Ordering::Relaxed);
        now.saturating_sub(checked) >= millis(CHECK_INTERVAL)
            && self
                .0
                .checked
                .compare_exchange(checked, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Never 0, which means never.
    fn now(&self) -> u64 {
        millis(self.0.start.elapsed()) + 1
    }
}

/// The code of "cannot execute … in a read-only transaction".
const READ_ONLY: &str = "25006";

/// Whether the server of this session refuses writes: a standby, or one that was made read-only.
pub(super) async fn is_read_only(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let setting: String =
        sqlx::query_scalar("show transaction_read_only").fetch_one(connection).await?;
    Ok(setting == "on")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
