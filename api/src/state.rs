//! What handlers may see. Each handler takes only the parts that it needs, as `State<Part>`.

use std::sync::Arc;

use axum::extract::FromRef;
use commands::Commands;
use infra::object_storage::ObjectStorage;
use infra::object_storage::local::LocalStorage;
use metrics_exporter_prometheus::PrometheusHandle;
use projections::queries::{PublicVideos, Queries};
use tokio_util::sync::CancellationToken;

use crate::authenticator::Authenticator;
use crate::health::Health;
use crate::live::Live;
use crate::page_cache::PageCache;
use crate::ranking_page::RankingPageKey;

/// The state of the router. Cheap to clone: the router clones it for every request.
#[derive(Clone)]
pub(crate) struct ApiState(Arc<Parts>);

/// All parts, as `app` makes them.
pub(crate) struct Parts {
    pub(crate) commands: Commands,
    pub(crate) queries: Queries,
    pub(crate) storage: Arc<dyn ObjectStorage>,
    pub(crate) local_media: LocalMedia,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) ranking_pages: PageCache<RankingPageKey>,
    pub(crate) video_pages: PageCache<PublicVideos>,
    pub(crate) live: Live,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) metrics: MetricsHandle,
    pub(crate) shutdown: Shutdown,
    pub(crate) public_url: PublicUrl,
    pub(crate) max_video_size: MaxVideoSize,
}

/// The local store, if it is the one in use: the API serves its files.
#[derive(Clone)]
pub(crate) struct LocalMedia(pub(crate) Option<Arc<LocalStorage>>);

/// Renders the metrics, if they are recorded.
#[derive(Clone)]
pub(crate) struct MetricsHandle(pub(crate) Option<PrometheusHandle>);

/// Cancelled when this process is told to stop.
#[derive(Clone)]
pub(crate) struct Shutdown(pub(crate) CancellationToken);

/// The largest original video that is accepted, in bytes, inclusive.
#[derive(Clone, Copy)]
pub(crate) struct MaxVideoSize(pub(crate) u64);

/// How clients reach the API, such as `https://anb.example`.
#[derive(Clone)]
pub(crate) struct PublicUrl(pub(crate) Arc<str>);

impl PublicUrl {
    /// Whether browsers reach us by HTTPS, so that cookies may require it.
    pub(crate) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl ApiState {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

/// Lets handlers take a part of the state.
macro_rules! parts {
    ($($field:ident: $part:ty),* $(,)?) => {
        $(impl FromRef<ApiState> for $part {
            fn from_ref(state: &ApiState) -> Self {
                state.0.$field.clone()
            }
        })*
    };
}

parts! {
    commands: Commands,
    queries: Queries,
    storage: Arc<dyn ObjectStorage>,
    local_media: LocalMedia,
    authenticator: Arc<Authenticator>,
    ranking_pages: PageCache<RankingPageKey>,
    video_pages: PageCache<PublicVideos>,
    live: Live,
    health: Arc<dyn Health>,
    metrics: MetricsHandle,
    shutdown: Shutdown,
    public_url: PublicUrl,
    max_video_size: MaxVideoSize,
}
