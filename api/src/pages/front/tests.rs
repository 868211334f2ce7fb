//! What the front gives is what would have been routed, and nothing that does not hold.

use crate::http_settings::CorsOrigins;
use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::any;
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH, ETAG, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt;
use projections::boards::BoardsBuilder;
use projections::rankings::Rankings;
use sqlx::PgPool;
use tower::ServiceExt;

use super::*;
use crate::error::ApiError;
use crate::middleware::{Doors, Hall, around, cors};
use crate::pages::{Audience, GRACE, Page, Pages};

const PAGE: &str = "/api/public/page?of=many";
const TTL: Duration = Duration::from_secs(60);
const BYTES: u64 = 1 << 20;

/// A server with one page.
struct Scene {
    hall: Arc<Hall>,
    rankings: Arc<Rankings>,
    erasures: ErasureEpoch,
    routes: Router,
}

#[derive(Clone)]
struct Shown {
    pages: Pages<()>,
    queries: Queries,
    audience: Audience,
}

async fn shown(State(shown): State<Shown>, headers: HeaderMap) -> Result<Response, ApiError> {
    let edition = shown.queries.boards_version()?;
    let load = move || async move { Page::render(edition.number, &"content".repeat(1_000)) };
    Ok(shown.pages.get(edition, (), load).await?.answer(&headers, shown.audience))
}

impl Scene {
    fn new(origins: &CorsOrigins, ttl: Duration) -> Self {
        let (rankings, erasures) = (Arc::new(Rankings::default()), ErasureEpoch::default());
        rankings.replace(BoardsBuilder::default().build(0));
        let pool = PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        let queries = Queries::new(pool, Arc::clone(&rankings), erasures.clone());
        let any_origin = *origins == CorsOrigins::Any;
        let front = Front::new(BYTES, TTL, any_origin, queries.clone(), erasures.clone());
        let doors = Doors::default();
        let hall = Arc::new(Hall { doors, front: Arc::new(front), max_video_size: 1 });
        let pages = Pages::new("test", BYTES, ttl, erasures.clone());
        let public = Shown { pages, queries, audience: Audience::Public };
        let own = Shown { audience: Audience::Personal, ..public.clone() };
        let around = axum::middleware::from_fn_with_state(Arc::clone(&hall), around);
        let routes = Router::new()
            .route("/api/public/own", any(shown).with_state(own))
            .route("/api/public/{*page}", any(shown).with_state(public))
            .fallback(|| async { ApiError::RouteUnknown.into_response() })
            .layer((around, cors(origins).unwrap()));
        Self { hall, rankings, erasures, routes }
    }

    fn ready(&self, asked: &Asked) -> Option<Response> {
        self.hall.front.answer(&asked.request())
    }

    async fn routed(&self, asked: &Asked) -> Response {
        self.routes.clone().oneshot(asked.request()).await.unwrap()
    }
}

/// A request, as often as one likes.
#[derive(Clone)]
struct Asked {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: &'static str,
}

fn get(path: &str) -> Asked {
    Asked { method: Method::GET, path: path.to_owned(), headers: Vec::new(), body: "" }
}

impl Asked {
    fn with(mut self, name: impl Into<HeaderName>, value: impl AsRef<str>) -> Self {
        self.headers.push((name.into(), HeaderValue::from_str(value.as_ref()).unwrap()));
        self
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().unwrap();
        request.headers_mut().extend(self.headers.iter().cloned());
        request
    }
}

/// All of an answer that has to be the same each time.
async fn content(mut answer: Response) -> (StatusCode, Vec<(String, HeaderValue)>, Bytes) {
    let id = answer.headers_mut().remove(REQUEST_ID);
    assert!(id.is_some_and(|id| !id.is_empty()), "every answer names its request");
    // The router writes it in the end; so does the server, of an answer without it.
    answer.headers_mut().remove(CONTENT_LENGTH);
    let headers = answer.headers().iter();
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.clone())).collect();
    headers.sort_by(|one, other| one.0.cmp(&other.0));
    (answer.status(), headers, answer.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn what_is_ready_is_what_would_be_routed() {
    let scene = Scene::new(&CorsOrigins::Any, TTL);
    let first = scene.routed(&get(PAGE)).await;
    let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
    for (asked, status) in [
        (get(PAGE), 200),
        (get(PAGE).with(ACCEPT_ENCODING, "gzip"), 200),
        (get(PAGE).with(ACCEPT_ENCODING, "gzip, br"), 200),
        (get(PAGE).with(ORIGIN, "https://elsewhere.example"), 200),
        (get(PAGE).with(http::header::IF_NONE_MATCH, "\"other\""), 200),
        (get(PAGE).with(http::header::IF_NONE_MATCH, &tag), 304),
        (get(PAGE).with(http::header::IF_NONE_MATCH, format!("\"x\", W/{tag}")), 304),
        (get(PAGE).with(ACCEPT_ENCODING, "br").with(http::header::IF_NONE_MATCH, &tag), 200),
    ] {
        let routed = content(scene.routed(&asked).await).await;
        let ready = content(scene.ready(&asked).expect("it is ready")).await;
        assert_eq!(routed, ready);
        assert_eq!(ready.0, status, "{:?}", asked.headers);
        let has = |name: HeaderName| ready.1.iter().any(|header| header.0 == name.as_str());
        assert!(has(ETAG) && has(X_FRAME_OPTIONS) && has(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}

#[tokio::test]
async fn a_request_keeps_its_id() {
    let scene = Scene::new(&CorsOrigins::Any, TTL);
    scene.routed(&get(PAGE).with(REQUEST_ID, "the-first")).await;
    let id = |asked: &Asked| scene.ready(asked).unwrap().headers()[REQUEST_ID].clone();
    assert_eq!(id(&get(PAGE).with(REQUEST_ID, "load-7")), "load-7");
    let [one, other] = [id(&get(PAGE)), id(&get(PAGE).with(REQUEST_ID, "{bad}"))];
    assert!(one != other && one != "the-first" && other != "{bad}");
}

#[tokio::test]
async fn all_else_is_routed() {
    let scene = Scene::new(&CorsOrigins::Any, TTL);
    scene.routed(&get(PAGE)).await;
    let with = |method| Asked { method, ..get(PAGE) };
    for asked in [
        with(Method::HEAD),
        with(Method::POST),
        Asked { body: "something", ..get(PAGE) },
        get("/api/public/page"),
        get("/api/public/own"),
        get("/api/elsewhere"),
        get(&format!("/api/public/page?of={}", "x".repeat(LONGEST_PATH))),
    ] {
        assert!(scene.ready(&asked).is_none(), "not asked before: {} {}", asked.method, asked.path);
        scene.routed(&asked).await;
        let page = asked.path == "/api/public/page";
        assert_eq!(scene.ready(&asked).is_some(), page, "{} {}", asked.method, asked.path);
    }
}

#[tokio::test]
async fn nothing_goes_out_that_does_not_hold() {
    let scene = Scene::new(&CorsOrigins::Any, TTL);
    scene.routed(&get(PAGE)).await;
    assert!(scene.ready(&get(PAGE)).is_some());
    scene.erasures.advance();
    assert!(scene.ready(&get(PAGE)).is_none(), "no page outlives an erasure");

    scene.routed(&get(PAGE)).await;
    assert!(scene.ready(&get(PAGE)).is_some());
    let replaced = Instant::now();
    scene.rankings.replace(BoardsBuilder::default().build(0));
    assert!(scene.ready(&get(PAGE)).is_none(), "there is a newer edition");
    // The one before, while the new one is being rendered: it is shown, and not kept.
    scene.routed(&get(PAGE)).await;
    // A machine that has something else to do may have been too slow for that.
    let shown = replaced.elapsed() < GRACE;
    assert!(!shown || scene.ready(&get(PAGE)).is_none());

    let scene = Scene::new(&CorsOrigins::Any, Duration::ZERO);
    scene.routed(&get(PAGE)).await;
    assert!(scene.ready(&get(PAGE)).is_none(), "its time is up");
}

#[tokio::test]
async fn no_origin_gets_what_another_was_told() {
    let own = "https://anb.example";
    let scene = Scene::new(&CorsOrigins::Only(vec![own.to_owned()]), TTL);
    let from = |origin| get(PAGE).with(ORIGIN, origin);
    let routed = scene.routed(&from(own)).await;
    assert_eq!(routed.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], own);
    assert!(scene.ready(&get(PAGE)).is_none(), "it was not kept");
    scene.routed(&get(PAGE)).await;
    assert!(scene.ready(&get(PAGE)).is_some());
    assert!(scene.ready(&from(own)).is_none() && scene.ready(&from("https://x.example")).is_none());
}

#[tokio::test]
async fn it_has_a_bound_in_bytes() {
    let scene = Scene::new(&CorsOrigins::Any, TTL);
    for number in 0..500 {
        scene.routed(&get(&format!("{PAGE}&number={number}"))).await;
    }
    let kept = &scene.hall.front.ready;
    kept.run_pending_tasks();
    assert!(kept.entry_count() > 10, "it keeps some");
    assert!(kept.weighted_size() <= BYTES, "{}", kept.weighted_size());
}
