//! Admission control: bounds how many requests run at a time, and rejects the rest.
//!
//! Without a bound, a burst would exhaust memory and delay every response past its client's timeout.
//! Reads, commands and uploads have separate limits, so that none starves the others. Health checks
//! and metrics are not limited.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{ApiError, RequestError};
use crate::tus::version::is_tus_path;

/// A request that waits longer for a permit is rejected.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// The limits of reads, commands and uploads.
pub(crate) struct ConcurrencyLimits {
    reads: ConcurrencyLimit,
    commands: ConcurrencyLimit,
    uploads: ConcurrencyLimit,
}

/// Bounds how many requests of one kind run at a time, and how many more may wait.
struct ConcurrencyLimit {
    name: &'static str,
    running: Semaphore,
    waiting: Semaphore,
}

impl Default for ConcurrencyLimits {
    /// More concurrency would make neither the log nor the database faster.
    fn default() -> Self {
        Self {
            reads: ConcurrencyLimit::new("reads", 1_024, 4_096),
            // A batch of verdicts answers all its commands at once. A larger limit would delay the
            // health checks behind them.
            commands: ConcurrencyLimit::new("commands", 512, 512),
            // Most uploads are as slow as the connections of their clients.
            uploads: ConcurrencyLimit::new("uploads", 256, 64),
        }
    }
}

impl ConcurrencyLimits {
    /// Runs the request under its limit. The response is a 503 if no permit comes free in time.
    pub(super) async fn run(&self, request: Request, next: Next) -> Response {
        let Some(limit) = self.limit_of(&request) else { return next.run(request).await };
        let Some(_permit) = limit.acquire().await else {
            limit.count_rejection();
            return ApiError::from(RequestError::Overloaded).into_response();
        };
        next.run(request).await
    }

    fn limit_of(&self, request: &Request) -> Option<&ConcurrencyLimit> {
        match request.uri().path() {
            "/health" | "/ready" | "/metrics" => None,
            // Of any method: `HEAD` may assemble an upload that has all its bytes.
            path if is_tus_path(path) => Some(&self.uploads),
            _ if request.method().is_safe() => Some(&self.reads),
            "/api/videos/upload" | "/me/upload" => Some(&self.uploads),
            _ => Some(&self.commands),
        }
    }
}

impl ConcurrencyLimit {
    fn new(name: &'static str, running: usize, waiting: usize) -> Self {
        Self { name, running: Semaphore::new(running), waiting: Semaphore::new(waiting) }
    }

    /// A permit, held while the request runs; `None` if the queue is full or the wait too long.
    async fn acquire(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.running.try_acquire() {
            return Some(permit);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        tokio::time::timeout(PERMIT_TIMEOUT, self.running.acquire()).await.ok()?.ok()
    }

    fn count_rejection(&self) {
        metrics::counter!("anb_http_rejected_total", "limit" => self.name).increment(1);
        // Deprecated: the earlier name, for dashboards that still read it.
        metrics::counter!("anb_http_turned_away_total", "door" => self.name).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::extract::State;
    use axum::routing::any;
    use http::StatusCode;
    use http::header::RETRY_AFTER;
    use std::sync::Arc;
    use tower::ServiceExt;

    /// A server whose requests wait until `held` gives them a permit.
    fn app(limits: ConcurrencyLimits, held: &Arc<Semaphore>) -> Router {
        let held = Arc::clone(held);
        let stay = any(move || async move { held.acquire().await.unwrap().forget() });
        let layer = axum::middleware::from_fn_with_state(Arc::new(limits), limited);
        Router::new().route("/{*path}", stay).layer(layer)
    }

    async fn limited(
        State(limits): State<Arc<ConcurrencyLimits>>,
        request: Request,
        next: Next,
    ) -> Response {
        limits.run(request, next).await
    }

    fn one_at_a_time(waiting: usize) -> ConcurrencyLimits {
        let limit = |name| ConcurrencyLimit::new(name, 1, waiting);
        ConcurrencyLimits {
            reads: limit("reads"),
            commands: limit("commands"),
            uploads: limit("uploads"),
        }
    }

    fn request(method: &str, path: &str) -> Request {
        Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_over_the_limit_is_rejected_with_retry_after() {
        let held = Arc::new(Semaphore::new(0));
        let app = app(one_at_a_time(1), &held);
        let ask = || app.clone().oneshot(request("POST", "/vote"));
        let first = tokio::spawn(ask());
        tokio::task::yield_now().await;
        let second = tokio::spawn(ask());
        tokio::task::yield_now().await;

        // The queue is full for the third; the wait of the second times out.
        let rejected = ask().await.unwrap();
        assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(rejected.headers().contains_key(RETRY_AFTER));
        assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);

        held.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(ask().await.unwrap().status(), StatusCode::OK, "the permit is free again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_request_runs_when_a_permit_comes_free() {
        let held = Arc::new(Semaphore::new(0));
        let app = app(one_at_a_time(1), &held);
        let first = tokio::spawn(app.clone().oneshot(request("POST", "/vote")));
        tokio::task::yield_now().await;
        let second = tokio::spawn(app.oneshot(request("POST", "/vote")));
        tokio::task::yield_now().await;
        held.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_has_its_own_limit_and_health_checks_have_none() {
        let held = Arc::new(Semaphore::new(0));
        let app = app(one_at_a_time(0), &held);
        let ask = |method, path| tokio::spawn(app.clone().oneshot(request(method, path)));
        let running = [
            ask("POST", "/vote"),
            ask("GET", "/ranking"),
            ask("POST", "/api/videos/upload"),
            ask("GET", "/health"),
            ask("GET", "/health"),
            ask("GET", "/ready"),
            ask("GET", "/metrics"),
        ];
        tokio::task::yield_now().await;
        for (method, path) in [
            ("DELETE", "/video"),
            ("HEAD", "/ranking"),
            ("POST", "/api/videos/upload"),
            ("POST", "/api/uploads"),
            ("PATCH", "/me/uploads/1"),
            ("HEAD", "/api/uploads/1"),
        ] {
            let rejected = ask(method, path).await.unwrap().unwrap();
            assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
        }
        held.add_permits(running.len());
        for answer in running {
            assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
        }
    }
}
