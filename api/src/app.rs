//! The application: what routes work with, and the router that ties them together.

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
use projections::queries::{PublicVideos, Queries};
use tokio_util::sync::CancellationToken;
use tower::Service;
use tower_http::normalize_path::NormalizePath;

use crate::error::ApiError;
use crate::extract::People;
use crate::health::Health;
use crate::live::{Disconnect, Live};
use crate::middleware::{Doors, Hall, around, cors};
use crate::pages::{Front, Pages};
use crate::routes;
use crate::routes::public::rankings::View;
use crate::token::Tokens;
use crate::web;

/// Bytes of finished pages that are kept, per kind.
const RANKING_BYTES: u64 = 16 * 1024 * 1024;
const VIDEOS_BYTES: u64 = 8 * 1024 * 1024;
const FRONT_BYTES: u64 = 12 * 1024 * 1024;
/// How long a page is kept. A new generation replaces it sooner.
const RANKING_TTL: Duration = Duration::from_secs(5);
/// How long a list may lack a video that was published without moving the ranking.
const VIDEOS_TTL: Duration = Duration::from_millis(250);

/// What the API needs of the world.
pub struct App {
    /// What people may ask for.
    pub commands: Commands,
    /// What pages show.
    pub queries: Queries,
    /// Where videos lie; the API asks it for URLs.
    pub storage: Arc<dyn ObjectStorage>,
    /// The same store, if it is the local one: the API serves its files under `/media/`.
    pub media: Option<Arc<LocalStorage>>,
    /// Whether everything works, for readiness.
    pub health: Arc<dyn Health>,
    /// Where metrics are read from, if they are recorded.
    pub metrics: Option<PrometheusHandle>,
    /// What this process hears of erased accounts.
    pub erasures: ErasureEpoch,
    /// Cancelled once this process has been told to stop: streams without end are ended.
    pub stop: CancellationToken,
    /// How the API behaves.
    pub settings: Settings,
}

/// How the API behaves.
#[derive(Clone)]
pub struct Settings {
    /// The secret that access tokens are signed with.
    pub secret_key: Vec<u8>,
    /// How long an access token holds.
    pub token_lifetime: Duration,
    /// The largest original that is taken, in bytes, inclusive.
    pub max_video_size: u64,
    /// How the API is reached from outside, such as `https://anb.example`.
    pub public_url: String,
    /// Which web pages may call.
    pub cors_origins: CorsOrigins,
    /// Whether `/docs`, `/redoc` and `/openapi.json` are served.
    pub docs: bool,
}

/// Why the API cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Tokens cannot be signed or checked.
    #[error("access tokens do not work: {0}")]
    Tokens(String),
    /// An origin is no header value.
    #[error("`{0}` is no origin")]
    BadOrigin(String),
}

/// What handlers see.
pub(crate) type Shared = Arc<AppState>;

pub(crate) struct AppState {
    pub(crate) app: App,
    pub(crate) tokens: Tokens,
    pub(crate) people: People,
    pub(crate) rankings: Pages<View>,
    pub(crate) public_videos: Pages<PublicVideos>,
    pub(crate) live: Live,
    pub(crate) web: web::BoardCache,
}

/// The whole API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    front: Arc<Front>,
    routes: NormalizePath<Router>,
}

impl Api {
    /// Answers a request, at once if it is for a page that is ready. Whoever writes without end may
    /// ask by `disconnect` for the connection to be closed.
    pub fn answer<B>(
        &self,
        mut request: Request<B>,
        disconnect: &Disconnect,
    ) -> impl Future<Output = Response> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if let Some(response) = self.front.answer(&request) {
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
pub fn build(app: App) -> Result<Api, StartError> {
    let tokens = Tokens::new(&app.settings.secret_key, app.settings.token_lifetime);
    tokens.self_test().map_err(StartError::Tokens)?;
    let cors = cors(&app.settings.cors_origins)?;
    let docs = app.settings.docs;
    let front = Arc::new(Front::new(
        FRONT_BYTES,
        RANKING_TTL,
        app.settings.cors_origins == CorsOrigins::Any,
        app.queries.clone(),
        app.erasures.clone(),
    ));
    let hall = Arc::new(Hall {
        doors: Doors::default(),
        front: Arc::clone(&front),
        max_video_size: app.settings.max_video_size,
    });
    let state = Arc::new(AppState {
        people: People::new(app.erasures.clone()),
        live: Live::new(app.queries.clone(), app.stop.clone()),
        tokens,
        rankings: Pages::new("rankings", RANKING_BYTES, RANKING_TTL, app.erasures.clone()),
        public_videos: Pages::new("videos", VIDEOS_BYTES, VIDEOS_TTL, app.erasures.clone()),
        web: web::BoardCache::new(app.erasures.clone()),
        app,
    });
    let (mut routes, document) = routes::all().split_for_parts();
    if docs {
        routes = routes.merge(routes::docs::routes(&document));
    }
    let routes = routes
        .merge(web::routes())
        .fallback(web::unknown)
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer((axum::middleware::from_fn_with_state(hall, around), cors))
        .with_state(state);
    // Outside the router, because it changes the path that routes are chosen by.
    Ok(Api { front, routes: NormalizePath::trim_trailing_slash(routes) })
}
