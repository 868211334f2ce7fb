//! Rules of every route.

use reqwest::Method;
use reqwest::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, CONTENT_TYPE,
    ORIGIN,
};
use serde_json::json;

use super::fixture::ContractFixture;
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::{Roles, TestEnvironment};

test_on_both_backends!(every_route);

async fn every_route(env: TestEnvironment) {
    let fixture = ContractFixture::start(env, Roles::NoTranscoder).await;
    check_rules!(&fixture;
        health_reports_status_and_version,
        a_ready_server_says_so,
        metrics_count_http_requests,
        documentation_pages_load_only_local_assets,
        openapi_describes_every_route,
        an_unknown_route_is_not_found,
        a_wrong_method_is_rejected_with_the_allowed_ones,
        head_works_wherever_get_does,
        a_trailing_slash_makes_no_difference,
        any_origin_may_call_without_credentials,
        every_response_has_a_unique_request_id,
        a_body_beyond_64_kib_is_rejected,
        no_input_causes_a_server_error,
    );
}

async fn health_reports_status_and_version(fixture: &ContractFixture) {
    let response = fixture.api().fetch("/health").await;
    assert_eq!(response.expect(200), json!({"status": "healthy", "version": "1.0.0"}));
}

async fn a_ready_server_says_so(fixture: &ContractFixture) {
    assert_eq!(fixture.api().fetch("/ready").await.status, 200);
}

async fn metrics_count_http_requests(fixture: &ContractFixture) {
    fixture.api().fetch("/health").await;
    let metrics = fixture.api().fetch("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("anb_http_requests_total"), "{}", metrics.text());
}

async fn documentation_pages_load_only_local_assets(fixture: &ContractFixture) {
    for page in ["/docs", "/redoc"] {
        let response = fixture.api().fetch(page).await;
        assert_eq!(response.status, 200, "{page}");
        assert!(response.header("content-type").unwrap().starts_with("text/html"), "{page}");
        for asset in references(&response.text()) {
            assert!(!asset.contains("//"), "{page} loads {asset}");
            let path = match asset.strip_prefix('/') {
                Some(_) => asset.clone(),
                None => format!("{page}/{}", asset.trim_start_matches("./")),
            };
            assert_eq!(fixture.api().fetch(&path).await.status, 200, "{page} loads {path}");
        }
    }
}

/// The resources of a page: the values of `src` and, in `link`s, of `href`.
fn references(html: &str) -> Vec<String> {
    let tags = html.split('<').filter(|tag| tag.starts_with("script") || tag.starts_with("link"));
    let value = |tag: &str| {
        let (_, rest) = tag.split_once("src=\"").or_else(|| tag.split_once("href=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    tags.filter_map(value).filter(|value| !value.starts_with("data:")).collect()
}

async fn openapi_describes_every_route(fixture: &ContractFixture) {
    let document = fixture.api().fetch("/openapi.json").await.expect(200);
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

async fn an_unknown_route_is_not_found(fixture: &ContractFixture) {
    for path in ["/nowhere", "/api", "/api/videos/a/b/c", "/api/public"] {
        fixture.api().fetch(path).await.expect_error(404, "Not Found");
    }
}

async fn a_wrong_method_is_rejected_with_the_allowed_ones(fixture: &ContractFixture) {
    for (method, path, right) in [
        (Method::PUT, "/health", "GET"),
        (Method::GET, "/api/auth/signup", "POST"),
        (Method::DELETE, "/api/public/rankings", "GET"),
        (Method::PATCH, "/api/videos/upload", "POST"),
    ] {
        let response = fixture.api().request(method, path).response().await;
        response.expect_error(405, "Method Not Allowed");
        let allowed = response.header("allow").unwrap();
        assert!(allowed.split(',').any(|method| method.trim() == right), "{path}: {allowed}");
    }
}

async fn head_works_wherever_get_does(fixture: &ContractFixture) {
    let new_person = fixture.api().new_person("Ana").await;
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
        let ask =
            |method| fixture.api().request(method, path).bearer_auth(&new_person.token).response();
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        assert_eq!(head.body, b"", "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

async fn a_trailing_slash_makes_no_difference(fixture: &ContractFixture) {
    let new_person = fixture.api().new_person("Ana").await;
    for path in ["/health", "/api/public/videos", "/api/public/rankings", "/api/videos"] {
        for path in [path.to_owned(), format!("{path}/")] {
            let response = fixture.api().get(&path).bearer_auth(&new_person.token).response().await;
            assert_eq!(response.status, 200, "{path}");
        }
    }
    let response = fixture.api().get("/api/public/rankings/?page=0").response().await;
    response.problem().is("greater_than_equal", "query.page");
    let response = fixture.api().post("/api/auth/login/").json(&json!({})).response().await;
    assert_eq!(response.status, 422, "{}", response.text());
}

async fn any_origin_may_call_without_credentials(fixture: &ContractFixture) {
    let origin = "https://anywhere.example";
    let response = fixture.api().get("/api/public/videos").header(ORIGIN, origin).response().await;
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
    let preflight = fixture
        .api()
        .request(Method::OPTIONS, "/api/videos")
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,idempotency-key")
        .response()
        .await;
    assert!(matches!(preflight.status, 200 | 204), "{}", preflight.status);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    let allowed = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
    assert!(allowed.contains("authorization"), "`*` does not cover Authorization: {allowed}");
}

async fn every_response_has_a_unique_request_id(fixture: &ContractFixture) {
    let mut ids = Vec::new();
    for path in ["/health", "/health", "/nowhere", "/api/videos", "/api/public/videos?limit=0"] {
        ids.push(fixture.api().fetch(path).await.header("x-request-id").unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

async fn a_body_beyond_64_kib_is_rejected(fixture: &ContractFixture) {
    let body = |size: usize| format!("{{\"email\":\"{}\"}}", "x".repeat(size - 12));
    let post = |body: String| {
        fixture.api().post("/api/auth/login").header(CONTENT_TYPE, "application/json").body(body)
    };
    assert_eq!(post(body(64 * 1_024)).response().await.status, 422);
    let response = post(body(64 * 1_024 + 1)).response().await;
    assert_eq!(response.status, 413, "{}", response.text());
    assert!(response.json()["code"].is_string(), "{}", response.text());
    let chunks =
        futures_util::stream::iter((0..65).map(|_| Ok::<_, std::io::Error>("x".repeat(1_024))));
    let response = fixture
        .api()
        .post("/api/auth/login")
        .header(CONTENT_TYPE, "application/json")
        .body(reqwest::Body::wrap_stream(chunks))
        .response()
        .await;
    assert_eq!(response.status, 413, "without Content-Length: {}", response.text());
}

async fn no_input_causes_a_server_error(fixture: &ContractFixture) {
    let new_person = fixture.api().new_person("Ana").await;
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
            let response = fixture.api().get(&path).bearer_auth(&new_person.token).response().await;
            assert!(response.status < 500, "GET {path}: {} {}", response.status, response.text());
        }
        let vote = fixture.api().post(&format!("/api/public/videos/{value}/vote"));
        let response = vote.bearer_auth(&new_person.token).response().await;
        assert!(response.status < 500, "vote for {value}: {}", response.text());
    }
    for body in ["", "{", "null", "\"\"", "[1]", "{\"email\":{}}", "\u{0}", "{\"a\":\"\\ud800\"}"] {
        for path in ["/api/auth/signup", "/api/auth/login", "/api/videos/upload"] {
            for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
                let request = fixture.api().post(path).bearer_auth(&new_person.token);
                let request = request.header(CONTENT_TYPE, kind).header(CONTENT_LENGTH, body.len());
                let response = request.body(body).response().await;
                assert!(response.status < 500, "{path} {kind} {body:?}: {}", response.text());
            }
        }
    }
    for key in ["", " ", &"k".repeat(4_096)] {
        let vote = fixture.api().vote_request(&new_person, domain::VideoId(uuid::Uuid::nil()));
        let response = vote.header("idempotency-key", key).response().await;
        assert!(response.status < 500, "{}", response.text());
    }
}
