//! What happens to every request, on every route.

mod catch_panic;
mod concurrency_limit;
mod drain_body;
mod headers;
mod observe;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

pub(crate) use concurrency_limit::ConcurrencyLimits;
pub(crate) use headers::{InvalidOrigin, cors};

use crate::response_cache::ResponseCache;
use crate::tus::version::TusHeaders;

use catch_panic::catch_panic;
use drain_body::drain_body;
use headers::security_headers;
use observe::RequestObserver;

/// What the middleware shares among all requests.
pub(crate) struct MiddlewareState {
    pub(crate) limits: ConcurrencyLimits,
    pub(crate) response_cache: Arc<ResponseCache>,
    /// For `Tus-Max-Size`, in bytes.
    pub(crate) max_video_size: u64,
}

/// The whole middleware in one function: the router boxes each layer again for every request.
pub(crate) async fn request_middleware(
    State(state): State<Arc<MiddlewareState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let observer = RequestObserver::start(&mut request);
    let tus_headers = TusHeaders::of(&request);
    let cache_key = state.response_cache.key(&request);
    let answer = drain_body(request, |request| catch_panic(state.limits.run(request, next)));
    let mut response = observer.observe(answer).await;
    security_headers(&mut response);
    if let Some(tus_headers) = tus_headers {
        tus_headers.add_to(&mut response, state.max_video_size);
    }
    let metrics = observer.finish(&mut response);
    if let Some(key) = cache_key {
        state.response_cache.store(key, &mut response, metrics);
    }
    response
}
