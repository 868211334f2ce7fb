//! Puts the API together: dependencies, state, middleware and router.

use std::sync::Arc;
use std::time::Duration;

use crate::http_settings::CorsOrigins;
use axum::Router;
use axum::response::Response;
use bytes::Bytes;
use commands::Commands;
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use http::Request;
use http_body::Body as HttpBody;
use infra::object_storage::ObjectStorage;
use infra::object_storage::local::LocalStorage;
use metrics_exporter_prometheus::PrometheusHandle;
use projections::ErasureEpoch;
use projections::queries::Queries;
use tokio_util::sync::CancellationToken;
use tower::Service;
use tower_http::normalize_path::NormalizePath;

use crate::authenticator::Authenticator;
use crate::error::{ApiError, RequestError};
use crate::health::Health;
use crate::live::{Disconnect, Live};
use crate::middleware::{
    ConcurrencyLimits, InvalidOrigin, MiddlewareState, cors, request_middleware,
};
use crate::page_cache::PageCache;
use crate::response_cache::ResponseCache;
use crate::routes;
use crate::state::{ApiState, LocalMedia, MaxVideoSize, MetricsHandle, Parts, PublicUrl, Shutdown};
use crate::web;

/// Bounds of the caches, in bytes.
const RANKING_CACHE_BYTES: u64 = 16 * 1024 * 1024;
const VIDEO_CACHE_BYTES: u64 = 8 * 1024 * 1024;
const RESPONSE_CACHE_BYTES: u64 = 12 * 1024 * 1024;
/// How long a ranking page is cached. A new version of the boards replaces it sooner.
const RANKING_TTL: Duration = Duration::from_secs(5);
/// How long a list may lack a video that was published without a new version of the boards.
const VIDEOS_TTL: Duration = Duration::from_millis(250);

/// What the API depends on.
pub struct ApiDependencies {
    /// The write side.
    pub commands: Commands,
    /// The read side.
    pub queries: Queries,
    /// Where videos are stored. The API asks it for URLs.
    pub storage: Arc<dyn ObjectStorage>,
    /// The same store, if it is the local one: the API serves its files under `/media/`.
    pub media: Option<Arc<LocalStorage>>,
    /// Checks the parts that requests depend on, for readiness.
    pub health: Arc<dyn Health>,
    /// Renders the metrics, if they are recorded.
    pub metrics: Option<PrometheusHandle>,
    /// Counts the erasures that this process hears of.
    pub erasures: ErasureEpoch,
    /// Cancelled when this process is told to stop: it ends streams and uploads.
    pub stop: CancellationToken,
    /// How the API behaves.
    pub settings: ApiSettings,
}

/// How the API behaves.
#[derive(Clone)]
pub struct ApiSettings {
    /// The secret that access tokens are signed with.
    pub secret_key: Vec<u8>,
    /// How long an access token is valid.
    pub token_lifetime: Duration,
    /// The largest original video that is accepted, in bytes, inclusive.
    pub max_video_size: u64,
    /// How clients reach the API, such as `https://anb.example`.
    pub public_url: String,
    /// Which origins may call.
    pub cors_origins: CorsOrigins,
    /// Whether `/docs`, `/redoc` and `/openapi.json` are served.
    pub docs: bool,
}

/// Why the API cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Tokens cannot be signed or verified.
    #[error("access tokens do not work: {0}")]
    Tokens(String),
    /// An allowed origin is not a header value.
    #[error(transparent)]
    InvalidOrigin(#[from] InvalidOrigin),
}

/// The whole API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    response_cache: Arc<ResponseCache>,
    routes: NormalizePath<Router>,
}

impl Api {
    /// Answers a request, from the response cache if it can. A handler that writes without end asks
    /// by `disconnect` that the server close a stalled connection.
    pub fn answer<B>(
        &self,
        mut request: Request<B>,
        disconnect: &Disconnect,
    ) -> impl Future<Output = Response> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if let Some(response) = self.response_cache.get(&request) {
            return Either::Left(ready(response));
        }
        request.extensions_mut().insert(disconnect.clone());
        let routed = self.routes.clone().call(request);
        Either::Right(routed.map(|Ok(response)| response))
    }
}

/// Puts the API together.
///
/// # Errors
/// [`StartError`] if a setting cannot work.
pub fn build(dependencies: ApiDependencies) -> Result<Api, StartError> {
    let ApiDependencies { queries, erasures, settings, .. } = &dependencies;
    let cors = cors(&settings.cors_origins)?;
    let response_cache = Arc::new(ResponseCache::new(
        RESPONSE_CACHE_BYTES,
        RANKING_TTL,
        settings.cors_origins == CorsOrigins::Any,
        queries.clone(),
        erasures.clone(),
    ));
    let middleware_state = Arc::new(MiddlewareState {
        limits: ConcurrencyLimits::default(),
        response_cache: Arc::clone(&response_cache),
        max_video_size: settings.max_video_size,
    });
    let (mut routes, document) = routes::all().split_for_parts();
    if settings.docs {
        routes = routes.merge(routes::docs::routes(&document));
    }
    let erasures = erasures.clone();
    let state = state(dependencies)?;
    let middleware = axum::middleware::from_fn_with_state(middleware_state, request_middleware);
    let routes = routes
        .merge(web::routes(&state, erasures))
        .fallback(web::unknown)
        .method_not_allowed_fallback(|| async { ApiError::from(RequestError::MethodNotAllowed) })
        .layer((middleware, cors))
        .with_state(state);
    // Outside the router, because it changes the path that the router matches.
    Ok(Api { response_cache, routes: NormalizePath::trim_trailing_slash(routes) })
}

fn state(dependencies: ApiDependencies) -> Result<ApiState, StartError> {
    let ApiDependencies { queries, erasures, settings, stop, .. } = dependencies;
    let ranking_pages =
        PageCache::new("rankings", RANKING_CACHE_BYTES, RANKING_TTL, erasures.clone());
    let video_pages = PageCache::new("videos", VIDEO_CACHE_BYTES, VIDEOS_TTL, erasures.clone());
    let authenticator = Authenticator::new(
        &settings.secret_key,
        settings.token_lifetime,
        queries.clone(),
        erasures,
    );
    Ok(ApiState::new(Parts {
        commands: dependencies.commands,
        live: Live::new(queries.clone(), stop.clone()),
        queries,
        storage: dependencies.storage,
        local_media: LocalMedia(dependencies.media),
        authenticator: Arc::new(authenticator.map_err(StartError::Tokens)?),
        ranking_pages,
        video_pages,
        health: dependencies.health,
        metrics: MetricsHandle(dependencies.metrics),
        shutdown: Shutdown(stop),
        public_url: PublicUrl(settings.public_url.into()),
        max_video_size: MaxVideoSize(settings.max_video_size),
    }))
}

/// The OpenAPI document of all routes.
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    routes::all().into_openapi()
}
