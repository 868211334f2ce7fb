//! Lets so many requests in at a time. A server that takes in whatever comes grows until it falls
//! over, and answers nobody in time; this one keeps a few waiting for a moment, and tells the others
//! at once to come again.
//!
//! Reads, commands and uploads have places of their own, so that none keeps the others out. Signs of
//! life need no place.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::ApiError;
use crate::routes::uploads::protocol::is_about_uploads;

/// Whoever has waited so long in vain is turned away.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is served to how many at a time, and how many more may wait.
pub(crate) struct Doors {
    reads: Door,
    commands: Door,
    uploads: Door,
}

struct Door {
    name: &'static str,
    places: Semaphore,
    waiting: Semaphore,
}

impl Default for Doors {
    /// More than these at a time would not make the log or the database any faster.
    fn default() -> Self {
        Self {
            reads: Door::new("reads", 1_024, 4_096),
            // All who wait for a verdict are answered at once, and a sign of life waits meanwhile.
            commands: Door::new("commands", 512, 512),
            // As slow as their clients' lines, most of them.
            uploads: Door::new("uploads", 256, 64),
        }
    }
}

impl Doors {
    /// The answer, if there is a place for the request.
    pub(super) async fn admit(&self, request: Request, next: Next) -> Response {
        let Some(door) = self.for_request(&request) else { return next.run(request).await };
        let Some(_place) = door.enter().await else {
            metrics::counter!("anb_http_turned_away_total", "door" => door.name).increment(1);
            return ApiError::Overloaded.into_response();
        };
        next.run(request).await
    }

    fn for_request(&self, request: &Request) -> Option<&Door> {
        match request.uri().path() {
            "/health" | "/ready" | "/metrics" => None,
            // Whoever asks how far an upload has come may have it finished.
            path if is_about_uploads(path) => Some(&self.uploads),
            _ if request.method().is_safe() => Some(&self.reads),
            "/api/videos/upload" | "/me/upload" => Some(&self.uploads),
            _ => Some(&self.commands),
        }
    }
}

impl Door {
    fn new(name: &'static str, places: usize, waiting: usize) -> Self {
        Self { name, places: Semaphore::new(places), waiting: Semaphore::new(waiting) }
    }

    /// A place, as long as the permit is kept.
    async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Some(place);
        }
        let _waits = self.waiting.try_acquire().ok()?;
        tokio::time::timeout(PATIENCE, self.places.acquire()).await.ok()?.ok()
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

    /// A server in which `held` requests stay until the semaphore lets them go.
    fn app(doors: Doors, held: &Arc<Semaphore>) -> Router {
        let held = Arc::clone(held);
        let stay = any(move || async move { held.acquire().await.unwrap().forget() });
        let layer = axum::middleware::from_fn_with_state(Arc::new(doors), through);
        Router::new().route("/{*path}", stay).layer(layer)
    }

    async fn through(State(doors): State<Arc<Doors>>, request: Request, next: Next) -> Response {
        doors.admit(request, next).await
    }

    fn narrow(waiting: usize) -> Doors {
        let door = |name| Door::new(name, 1, waiting);
        Doors { reads: door("reads"), commands: door("commands"), uploads: door("uploads") }
    }

    fn request(method: &str, path: &str) -> Request {
        Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_is_told_when_to_come_again() {
        let held = Arc::new(Semaphore::new(0));
        let app = app(narrow(1), &held);
        let ask = || app.clone().oneshot(request("POST", "/vote"));
        let first = tokio::spawn(ask());
        tokio::task::yield_now().await;
        let second = tokio::spawn(ask());
        tokio::task::yield_now().await;

        // The third may not even wait, and the second not for ever.
        let refused = ask().await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key(RETRY_AFTER));
        assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);

        held.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(ask().await.unwrap().status(), StatusCode::OK, "the place is free again");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_comes_in_when_somebody_leaves() {
        let held = Arc::new(Semaphore::new(0));
        let app = app(narrow(1), &held);
        let first = tokio::spawn(app.clone().oneshot(request("POST", "/vote")));
        tokio::task::yield_now().await;
        let second = tokio::spawn(app.oneshot(request("POST", "/vote")));
        tokio::task::yield_now().await;
        held.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn none_keeps_the_others_out_and_signs_of_life_need_no_place() {
        let held = Arc::new(Semaphore::new(0));
        let app = app(narrow(0), &held);
        let ask = |method, path| tokio::spawn(app.clone().oneshot(request(method, path)));
        let inside = [
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
            let refused = ask(method, path).await.unwrap().unwrap();
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
        }
        held.add_permits(inside.len());
        for answer in inside {
            assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
        }
    }
}
