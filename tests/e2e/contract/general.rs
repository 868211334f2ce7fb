//! What holds for every route.

use reqwest::Method;
use reqwest::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, CONTENT_TYPE,
    ORIGIN,
};
use serde_json::json;

use super::Stage;
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::{Roles, World};

on_both!(general);

async fn general(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    hold!(&stage;
        it_is_healthy,
        it_says_when_it_is_ready,
        it_tells_its_metrics,
        its_documentation_needs_nobody_else,
        its_interface_is_described,
        an_unknown_route_is_not_found,
        a_wrong_method_is_refused_with_the_right_ones,
        head_works_wherever_get_does,
        a_trailing_slash_makes_no_difference,
        any_origin_may_call_without_credentials,
        every_answer_has_an_id_of_its_own,
        a_body_beyond_64_kib_is_refused,
        no_input_is_an_error_of_the_server,
    );
}

async fn it_is_healthy(stage: &Stage) {
    let answer = stage.api().fetch("/health").await;
    assert_eq!(answer.ok(200), json!({"status": "healthy", "version": "1.0.0"}));
}

async fn it_says_when_it_is_ready(stage: &Stage) {
    assert_eq!(stage.api().fetch("/ready").await.status, 200);
}

async fn it_tells_its_metrics(stage: &Stage) {
    stage.api().fetch("/health").await;
    let metrics = stage.api().fetch("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("anb_http_requests_total"), "{}", metrics.text());
}

async fn its_documentation_needs_nobody_else(stage: &Stage) {
    for page in ["/docs", "/redoc"] {
        let answer = stage.api().fetch(page).await;
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{page}");
        for asset in references(&answer.text()) {
            assert!(!asset.contains("//"), "{page} loads {asset}");
            let path = match asset.strip_prefix('/') {
                Some(_) => asset.clone(),
                None => format!("{page}/{}", asset.trim_start_matches("./")),
            };
            assert_eq!(stage.api().fetch(&path).await.status, 200, "{page} loads {path}");
        }
    }
}

/// What a page loads: the values of `src` and, in `link`s, of `href`.
fn references(html: &str) -> Vec<String> {
    let tags = html.split('<').filter(|tag| tag.starts_with("script") || tag.starts_with("link"));
    let value = |tag: &str| {
        let (_, rest) = tag.split_once("src=\"").or_else(|| tag.split_once("href=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    tags.filter_map(value).filter(|value| !value.starts_with("data:")).collect()
}

async fn its_interface_is_described(stage: &Stage) {
    let document = stage.api().fetch("/openapi.json").await.ok(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    for path in [
        "/health",
        "/api/auth/signup",
        "/api/auth/login",
        "/api/videos/upload",
        "/api/videos",
        "/api/videos/{id}",
        "/api/public/videos",
        "/api/public/videos/{id}/vote",
        "/api/public/rankings",
        "/api/public/rankings/boards",
        "/api/public/rankings/artists/{artist_id}",
        "/api/public/rankings/around/{artist_id}",
        "/api/rankings/me",
        "/api/commands/{token}",
    ] {
        let described = document["paths"].as_object().unwrap().keys();
        let shape =
            |path: &str| path.split('/').map(|part| part.starts_with('{')).collect::<Vec<_>>();
        let same = |described: &&String| {
            let parts = described.split('/').zip(path.split('/'));
            shape(described) == shape(path)
                && parts.clone().all(|(a, b)| a == b || a.starts_with('{'))
        };
        assert!(described.clone().any(|found| same(&found)), "{path} is not described");
    }
}

async fn an_unknown_route_is_not_found(stage: &Stage) {
    for path in ["/nowhere", "/api", "/api/videos/a/b/c", "/api/public"] {
        stage.api().fetch(path).await.error(404, "Not Found");
    }
}

async fn a_wrong_method_is_refused_with_the_right_ones(stage: &Stage) {
    for (method, path, right) in [
        (Method::PUT, "/health", "GET"),
        (Method::GET, "/api/auth/signup", "POST"),
        (Method::DELETE, "/api/public/rankings", "GET"),
        (Method::PATCH, "/api/videos/upload", "POST"),
    ] {
        let answer = stage.api().request(method, path).answer().await;
        answer.error(405, "Method Not Allowed");
        let allowed = answer.header("allow").unwrap();
        assert!(allowed.split(',').any(|method| method.trim() == right), "{path}: {allowed}");
    }
}

async fn head_works_wherever_get_does(stage: &Stage) {
    let somebody = stage.api().somebody("Ana").await;
    for path in [
        "/health",
        "/ready",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/api/public/videos",
        "/api/public/rankings",
        "/api/public/rankings/boards",
        "/api/videos",
    ] {
        let ask = |method| stage.api().request(method, path).bearer_auth(&somebody.token).answer();
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        assert_eq!(head.body, b"", "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

async fn a_trailing_slash_makes_no_difference(stage: &Stage) {
    let somebody = stage.api().somebody("Ana").await;
    for path in ["/health", "/api/public/videos", "/api/public/rankings", "/api/videos"] {
        for path in [path.to_owned(), format!("{path}/")] {
            let answer = stage.api().get(&path).bearer_auth(&somebody.token).answer().await;
            assert_eq!(answer.status, 200, "{path}");
        }
    }
    let answer = stage.api().get("/api/public/rankings/?page=0").answer().await;
    answer.problem().is("greater_than_equal", "query.page");
    let answer = stage.api().post("/api/auth/login/").json(&json!({})).answer().await;
    assert_eq!(answer.status, 422, "{}", answer.text());
}

async fn any_origin_may_call_without_credentials(stage: &Stage) {
    let origin = "https://anywhere.example";
    let answer = stage.api().get("/api/public/videos").header(ORIGIN, origin).answer().await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let preflight = stage
        .api()
        .request(Method::OPTIONS, "/api/videos")
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,idempotency-key")
        .answer()
        .await;
    assert!(matches!(preflight.status, 200 | 204), "{}", preflight.status);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    let allowed = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
    assert!(allowed.contains("authorization"), "`*` does not cover Authorization: {allowed}");
}

async fn every_answer_has_an_id_of_its_own(stage: &Stage) {
    let mut ids = Vec::new();
    for path in ["/health", "/health", "/nowhere", "/api/videos", "/api/public/videos?limit=0"] {
        ids.push(stage.api().fetch(path).await.header("x-request-id").unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

async fn a_body_beyond_64_kib_is_refused(stage: &Stage) {
    let body = |size: usize| format!("{{\"email\":\"{}\"}}", "x".repeat(size - 12));
    let post = |body: String| {
        stage.api().post("/api/auth/login").header(CONTENT_TYPE, "application/json").body(body)
    };
    assert_eq!(post(body(64 * 1_024)).answer().await.status, 422);
    let answer = post(body(64 * 1_024 + 1)).answer().await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.json()["code"].is_string(), "{}", answer.text());
    let chunks =
        futures_util::stream::iter((0..65).map(|_| Ok::<_, std::io::Error>("x".repeat(1_024))));
    let answer = stage
        .api()
        .post("/api/auth/login")
        .header(CONTENT_TYPE, "application/json")
        .body(reqwest::Body::wrap_stream(chunks))
        .answer()
        .await;
    assert_eq!(answer.status, 413, "without Content-Length: {}", answer.text());
}

async fn no_input_is_an_error_of_the_server(stage: &Stage) {
    let somebody = stage.api().somebody("Ana").await;
    let odd = [
        "",
        "0",
        "-1",
        "%00",
        "%ff%fe",
        "..%2f..%2fetc%2fpasswd",
        "'--",
        "%F0%9F%8E%B8",
        "null",
        "99999999999999999999999999",
        "1e9",
        "a%20b",
        "%",
        "[]",
    ];
    for value in odd {
        for path in [
            format!("/api/videos/{value}"),
            format!("/api/commands/{value}"),
            format!("/media/{value}"),
            format!("/api/public/videos?skip={value}&limit={value}&page={value}&page_size={value}"),
            format!(
                "/api/public/videos?city={value}&country={value}&order_by={value}&order={value}"
            ),
            format!("/api/public/rankings?page={value}&page_size={value}"),
            format!("/api/public/rankings?city={value}&country={value}"),
            format!("/api/public/rankings/artists/{value}"),
            format!("/api/public/rankings/around/{value}?size={value}"),
            format!("/api/public/rankings/boards?page={value}&page_size={value}"),
        ] {
            let answer = stage.api().get(&path).bearer_auth(&somebody.token).answer().await;
            assert!(answer.status < 500, "GET {path}: {} {}", answer.status, answer.text());
        }
        let vote = stage.api().post(&format!("/api/public/videos/{value}/vote"));
        let answer = vote.bearer_auth(&somebody.token).answer().await;
        assert!(answer.status < 500, "vote for {value}: {}", answer.text());
    }
    for body in ["", "{", "null", "\"\"", "[1]", "{\"email\":{}}", "\u{0}", "{\"a\":\"\\ud800\"}"] {
        for path in ["/api/auth/signup", "/api/auth/login", "/api/videos/upload"] {
            for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
                let request = stage.api().post(path).bearer_auth(&somebody.token);
                let request = request.header(CONTENT_TYPE, kind).header(CONTENT_LENGTH, body.len());
                let answer = request.body(body).answer().await;
                assert!(answer.status < 500, "{path} {kind} {body:?}: {}", answer.text());
            }
        }
    }
    for key in ["", " ", &"k".repeat(4_096)] {
        let vote = stage.api().vote_request(&somebody, domain::VideoId(uuid::Uuid::nil()));
        let answer = vote.header("idempotency-key", key).answer().await;
        assert!(answer.status < 500, "{}", answer.text());
    }
}
