//! The response cache returns what routing would return, and nothing outdated.

use std::time::{Duration, Instant};

use crate::http_settings::CorsOrigins;
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::any;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH, ETAG, IF_NONE_MATCH, ORIGIN,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use infra::database::Pool;
use projections::ErasureEpoch;
use projections::boards::BoardsBuilder;
use projections::queries::Queries;
use projections::rankings::Rankings;
use tower::ServiceExt;

use super::*;
use crate::error::{ApiError, RequestError};
use crate::page_cache::{Audience, Page, PageCache, STALE_WINDOW};
use crate::request_id;
use crate::response_cache::MAX_PATH_BYTES;

const PAGE: &str = "/api/public/page?of=many";
const TTL: Duration = Duration::from_secs(60);
const BYTES: u64 = 1 << 20;

/// A server with one page.
struct TestServer {
    state: Arc<MiddlewareState>,
    rankings: Arc<Rankings>,
    erasures: ErasureEpoch,
    routes: Router,
}

#[derive(Clone)]
struct PageState {
    pages: PageCache<()>,
    queries: Queries,
    audience: Audience,
}

async fn page(State(page): State<PageState>, headers: HeaderMap) -> Result<Response, ApiError> {
    let version = page.queries.boards_version()?;
    let load = move || async move { Page::render(version.number, &"content".repeat(1_000)) };
    Ok(page.pages.get(version, (), load).await?.respond(&headers, page.audience))
}

impl TestServer {
    fn new(origins: &CorsOrigins, ttl: Duration) -> Self {
        let (rankings, erasures) = (Arc::new(Rankings::default()), ErasureEpoch::default());
        rankings.replace(BoardsBuilder::default().build(0));
        let pool = Pool::connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        let queries = Queries::new(pool, Arc::clone(&rankings), erasures.clone());
        let any_origin = *origins == CorsOrigins::Any;
        let response_cache =
            ResponseCache::new(BYTES, TTL, any_origin, queries.clone(), erasures.clone());
        let state = Arc::new(MiddlewareState {
            limits: ConcurrencyLimits::default(),
            response_cache: Arc::new(response_cache),
            max_video_size: 1,
        });
        let pages = PageCache::new("test", BYTES, ttl, erasures.clone());
        let public = PageState { pages, queries, audience: Audience::Public };
        let own = PageState { audience: Audience::Personal, ..public.clone() };
        let middleware =
            axum::middleware::from_fn_with_state(Arc::clone(&state), request_middleware);
        let routes = Router::new()
            .route("/api/public/own", any(page).with_state(own))
            .route("/api/public/{*page}", any(page).with_state(public))
            .fallback(|| async { ApiError::from(RequestError::RouteUnknown).into_response() })
            .layer((middleware, cors(origins).unwrap()));
        Self { state, rankings, erasures, routes }
    }

    fn cached(&self, request: &TestRequest) -> Option<Response> {
        self.state.response_cache.get(&request.build())
    }

    async fn routed(&self, request: &TestRequest) -> Response {
        self.routes.clone().oneshot(request.build()).await.unwrap()
    }
}

/// A request that can be sent many times.
#[derive(Clone)]
struct TestRequest {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: &'static str,
}

fn get(path: &str) -> TestRequest {
    TestRequest { method: Method::GET, path: path.to_owned(), headers: Vec::new(), body: "" }
}

impl TestRequest {
    fn with(mut self, name: impl Into<HeaderName>, value: impl AsRef<str>) -> Self {
        self.headers.push((name.into(), HeaderValue::from_str(value.as_ref()).unwrap()));
        self
    }

    fn build(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().unwrap();
        request.headers_mut().extend(self.headers.iter().cloned());
        request
    }
}

/// What of a response must be the same each time: all but the request id.
async fn content(mut response: Response) -> (StatusCode, Vec<(String, HeaderValue)>, Bytes) {
    let id = response.headers_mut().remove(request_id::HEADER);
    assert!(id.is_some_and(|id| !id.is_empty()), "every response has a request id");
    // The router adds it; to a cached response the HTTP server does.
    response.headers_mut().remove(CONTENT_LENGTH);
    let headers = response.headers().iter();
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.clone())).collect();
    headers.sort_by(|one, other| one.0.cmp(&other.0));
    (response.status(), headers, response.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn a_cached_response_is_the_routed_response() {
    let server = TestServer::new(&CorsOrigins::Any, TTL);
    let first = server.routed(&get(PAGE)).await;
    let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
    for (asked, status) in [
        (get(PAGE), 200),
        (get(PAGE).with(ACCEPT_ENCODING, "gzip"), 200),
        (get(PAGE).with(ACCEPT_ENCODING, "gzip, br"), 200),
        (get(PAGE).with(ORIGIN, "https://elsewhere.example"), 200),
        (get(PAGE).with(IF_NONE_MATCH, "\"other\""), 200),
        (get(PAGE).with(IF_NONE_MATCH, &tag), 304),
        (get(PAGE).with(IF_NONE_MATCH, format!("\"x\", W/{tag}")), 304),
        (get(PAGE).with(ACCEPT_ENCODING, "br").with(IF_NONE_MATCH, &tag), 200),
    ] {
        let routed = content(server.routed(&asked).await).await;
        let cached = content(server.cached(&asked).expect("it is cached")).await;
        assert_eq!(routed, cached);
        assert_eq!(cached.0, status, "{:?}", asked.headers);
        let has = |name: HeaderName| cached.1.iter().any(|header| header.0 == name.as_str());
        assert!(has(ETAG) && has(X_FRAME_OPTIONS) && has(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}

#[tokio::test]
async fn a_cached_response_carries_the_id_of_its_own_request() {
    let server = TestServer::new(&CorsOrigins::Any, TTL);
    server.routed(&get(PAGE).with(request_id::HEADER, "the-first")).await;
    let id = |request: &TestRequest| {
        server.cached(request).unwrap().headers()[request_id::HEADER].clone()
    };
    assert_eq!(id(&get(PAGE).with(request_id::HEADER, "load-7")), "load-7");
    let [one, other] = [id(&get(PAGE)), id(&get(PAGE).with(request_id::HEADER, "{bad}"))];
    assert!(one != other && one != "the-first" && other != "{bad}");
}

#[tokio::test]
async fn only_public_pages_by_plain_get_are_cached() {
    let server = TestServer::new(&CorsOrigins::Any, TTL);
    server.routed(&get(PAGE)).await;
    let with = |method| TestRequest { method, ..get(PAGE) };
    for asked in [
        with(Method::HEAD),
        with(Method::POST),
        TestRequest { body: "something", ..get(PAGE) },
        get("/api/public/page"),
        get("/api/public/own"),
        get("/api/elsewhere"),
        get(&format!("/api/public/page?of={}", "x".repeat(MAX_PATH_BYTES))),
    ] {
        assert!(server.cached(&asked).is_none(), "not yet cached: {} {}", asked.method, asked.path);
        server.routed(&asked).await;
        let is_page = asked.path == "/api/public/page";
        assert_eq!(server.cached(&asked).is_some(), is_page, "{} {}", asked.method, asked.path);
    }
}

#[tokio::test]
async fn an_outdated_response_is_not_served() {
    let server = TestServer::new(&CorsOrigins::Any, TTL);
    server.routed(&get(PAGE)).await;
    assert!(server.cached(&get(PAGE)).is_some());
    server.erasures.advance();
    assert!(server.cached(&get(PAGE)).is_none(), "an account was erased");

    server.routed(&get(PAGE)).await;
    assert!(server.cached(&get(PAGE)).is_some());
    let replaced = Instant::now();
    server.rankings.replace(BoardsBuilder::default().build(0));
    assert!(server.cached(&get(PAGE)).is_none(), "there is a newer version");
    // While the new version is rendered, the outdated page is served but not cached.
    server.routed(&get(PAGE)).await;
    // On a busy machine the stale window may have passed already.
    let is_stale = replaced.elapsed() < STALE_WINDOW;
    assert!(!is_stale || server.cached(&get(PAGE)).is_none());

    let server = TestServer::new(&CorsOrigins::Any, Duration::ZERO);
    server.routed(&get(PAGE)).await;
    assert!(server.cached(&get(PAGE)).is_none(), "its time to live has ended");
}

#[tokio::test]
async fn a_response_for_one_origin_is_not_served_to_another() {
    let own = "https://anb.example";
    let server = TestServer::new(&CorsOrigins::Only(vec![own.to_owned()]), TTL);
    let from = |origin| get(PAGE).with(ORIGIN, origin);
    let routed = server.routed(&from(own)).await;
    assert_eq!(routed.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], own);
    assert!(server.cached(&get(PAGE)).is_none(), "it was not cached");
    server.routed(&get(PAGE)).await;
    assert!(server.cached(&get(PAGE)).is_some());
    assert!(
        server.cached(&from(own)).is_none() && server.cached(&from("https://x.example")).is_none()
    );
}

#[tokio::test]
async fn the_cache_is_bounded_in_bytes() {
    let server = TestServer::new(&CorsOrigins::Any, TTL);
    for number in 0..500 {
        server.routed(&get(&format!("{PAGE}&number={number}"))).await;
    }
    let (entries, bytes) = server.state.response_cache.size();
    assert!(entries > 10, "{entries}");
    assert!(bytes <= BYTES, "{bytes}");
}
