//! Reads the rest of the body after an error, so that the client sees the response.
//!
//! A server that closes a connection while the client still sends makes the kernel reset it. The reset
//! may discard the response before the client reads it. So the unread body is read and dropped, within
//! bounds. A client that sent `Expect: 100-continue` sends no body after an error, so nothing is read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::EXPECT;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

/// At most this much of a body is drained.
const MAX_DRAINED_BYTES: u64 = 64 * 1024 * 1024;
/// A body is drained for at most this long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs `next`; if it fails, drains what it left of the body.
pub(super) async fn drain_body<F>(request: Request, next: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    if request.body().is_end_stream() {
        return next(request).await;
    }
    let (parts, body) = request.into_parts();
    let expects_continue = parts.headers.contains_key(EXPECT);
    let shared = SharedBody::new(body);
    let request = Request::from_parts(parts, Body::new(shared.clone()));
    let response = next(request).await;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if refused && !(expects_continue && shared.is_untouched()) {
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, shared.discard()).await;
    }
    response
}

/// A body that can still be read after its reader has dropped it.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Inner>>);

struct Inner {
    body: Body,
    touched: bool,
    ended: bool,
}

impl SharedBody {
    fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Inner { body, touched: false, ended: false })))
    }

    fn is_untouched(&self) -> bool {
        !self.with(|inner| inner.touched)
    }

    async fn discard(mut self) {
        let mut bytes = 0;
        while bytes < MAX_DRAINED_BYTES {
            match self.frame().await {
                Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) | None => return,
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|inner| {
            inner.touched = true;
            if inner.ended {
                return Poll::Ready(None);
            }
            let polled = Pin::new(&mut inner.body).poll_frame(context);
            inner.ended = matches!(polled, Poll::Ready(None | Some(Err(_))));
            polled
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|inner| inner.ended || inner.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|inner| inner.body.size_hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::middleware::Next;
    use axum::routing::post;
    use futures_util::StreamExt;
    use http::StatusCode;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tower::ServiceExt;

    /// Sends 100 chunks to a route that reads `reads` of them. Returns how many were read in all.
    async fn chunks_read(status: StatusCode, reads: usize, expect: bool) -> usize {
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&sent);
        let chunks = futures_util::stream::iter(0..100).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(b"chunk"))
        });
        let route = post(move |body: Body| async move {
            let mut stream = body.into_data_stream();
            for _ in 0..reads {
                stream.next().await;
            }
            status
        });
        let around = |request, next: Next| drain_body(request, |request| next.run(request));
        let app: Router = Router::new().route("/", route).layer(axum::middleware::from_fn(around));
        let mut request = Request::post("/");
        if expect {
            request = request.header(EXPECT, "100-continue");
        }
        app.oneshot(request.body(Body::from_stream(chunks)).unwrap()).await.unwrap();
        sent.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn after_an_error_the_rest_of_the_body_is_read() {
        assert_eq!(chunks_read(StatusCode::BAD_REQUEST, 0, false).await, 100);
        assert_eq!(chunks_read(StatusCode::BAD_REQUEST, 3, false).await, 100);
        assert_eq!(chunks_read(StatusCode::OK, 3, false).await, 3);
    }

    #[tokio::test]
    async fn after_expect_continue_an_untouched_body_is_not_read() {
        assert_eq!(chunks_read(StatusCode::FORBIDDEN, 0, true).await, 0);
        assert_eq!(chunks_read(StatusCode::FORBIDDEN, 3, true).await, 100);
    }
}
