//! Closes connections that wait too long for a whole request head, before the first request or after.
//!
//! Kept by hand: hyper-util has no idle timeout, and hyper's `header_read_timeout` costs each request a
//! timer and a read. This costs two additions per request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;
use tokio::time::{MissedTickBehavior, interval};

const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Consecutive idle checks that close a connection: after 30 s at least and 40 s at most.
const MAX_IDLE_CHECKS: u32 = 3;

/// The activity of one connection. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Activity(Arc<AtomicU32>);

/// A request in flight. Dropping this ends it.
pub(super) struct RequestGuard(Activity);

impl Activity {
    /// Begins a request. HTTP/1 has one at a time.
    pub(super) fn begin(&self) -> RequestGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        RequestGuard(self.clone())
    }

    /// Waits until the connection has been idle for [`MAX_IDLE_CHECKS`] checks.
    pub(super) async fn idle_timeout(&self) {
        let mut checks = interval(CHECK_INTERVAL);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        checks.tick().await;
        let (mut seen, mut idle) = (self.transitions(), 0);
        while idle < MAX_IDLE_CHECKS {
            checks.tick().await;
            let transitions = self.transitions();
            let in_flight = !transitions.is_multiple_of(2);
            idle = if in_flight || transitions != seen { 0 } else { idle + 1 };
            seen = transitions;
        }
    }

    /// Begins and ends of requests so far: odd during a request.
    fn transitions(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl RequestGuard {
    /// Keeps the request in flight until hyper has taken the whole body. Up to 64 KiB of it may still be
    /// in the send buffer then; the idle timeout covers those.
    pub(super) fn until_sent(self, body: Body) -> impl HttpBody<Data = Bytes, Error = axum::Error> {
        body.map_err(move |error| {
            // The closure owns the guard, and the body owns the closure.
            let _ = &self;
            error
        })
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}
