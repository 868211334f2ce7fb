//! HTTP caching of pages: by clients, shared caches and the server.

use std::io::Read;

use reqwest::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

use super::fixture::RankingFixture;
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::{ApiResponse, eventually};

const PATHS: [&str; 3] =
    ["/api/public/rankings", "/api/public/videos", "/api/public/rankings/boards?page_size=100"];

impl RankingFixture {
    async fn with(
        &self,
        path: &str,
        name: reqwest::header::HeaderName,
        value: &str,
    ) -> ApiResponse {
        self.contract.api().get(path).header(name, value).response().await
    }
}

pub(super) async fn shared_caches_may_keep_a_page_for_one_second(fixture: &RankingFixture) {
    for path in PATHS {
        let response = fixture.contract.api().fetch(path).await;
        let control = response.header("cache-control").unwrap();
        for directive in ["public", "max-age=0", "s-maxage=1", "stale-while-revalidate=1"] {
            assert!(control.split(", ").any(|given| given == directive), "{path}: {control}");
        }
        assert_eq!(response.header("vary"), Some("accept-encoding"), "{path}");
        assert!(response.header("etag").unwrap().starts_with('"'), "a strong tag");
    }
    let api = fixture.contract.api();
    let own = api.get("/api/rankings/me").bearer_auth(&fixture.artists[0].token).response().await;
    assert_eq!(own.header("cache-control"), Some("private, no-cache"));
}

pub(super) async fn a_page_is_sent_in_an_encoding_that_the_client_accepts(
    fixture: &RankingFixture,
) {
    let path = "/api/public/videos";
    let plain = fixture.with(path, ACCEPT_ENCODING, "identity").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.body.len() > 1_024, "too short to be worth it");
    let mut tags = vec![plain.header("etag").unwrap().to_owned()];
    for (accept, encoding) in [("gzip", "gzip"), ("gzip, br", "br")] {
        let response = fixture.with(path, ACCEPT_ENCODING, accept).await;
        assert_eq!(response.header("content-encoding"), Some(encoding));
        assert!(response.body.len() < plain.body.len() / 2, "{}", response.body.len());
        let decoded = decoded(encoding, &response.body);
        // The links in the list are signed again from time to time, so the bytes may differ.
        let videos: serde_json::Value = serde_json::from_slice(&decoded).unwrap();
        assert_eq!(videos.as_array().unwrap().len(), plain.json().as_array().unwrap().len());
        tags.push(response.header("etag").unwrap().to_owned());
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "each encoding has its own tag");
}

fn decoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match encoding {
        "gzip" => {
            flate2::read::GzDecoder::new(body).read_to_end(&mut decoded).unwrap();
        }
        _ => brotli::BrotliDecompress(&mut &body[..], &mut decoded).unwrap(),
    }
    decoded
}

pub(super) async fn an_unchanged_ranking_answers_304(fixture: &RankingFixture) {
    let path = "/api/public/rankings";
    let tag = fixture.get("").await.header("etag").unwrap().to_owned();
    let again = fixture.with(path, IF_NONE_MATCH, &tag).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(tag.as_str()));
    assert_eq!(fixture.with(path, IF_NONE_MATCH, "\"x\"").await.status, 200);
}

pub(super) async fn a_changed_ranking_is_sent(fixture: &RankingFixture) {
    let (path, far) = ("/api/public/rankings", "/api/public/rankings?page_size=1");
    let tag = fixture.get("").await.header("etag").unwrap().to_owned();
    let far_tag = fixture.get("?page_size=1").await.header("etag").unwrap().to_owned();
    let voter = fixture.contract.api().new_person("Fito").await;
    let doras = fixture.contract.env.publish_videos(&fixture.artists[3], 1).await;
    fixture.contract.api().vote(&voter, doras[0]).await.expect(200);
    eventually("the tag changes with the ranking", async || {
        (fixture.with(path, IF_NONE_MATCH, &tag).await.status == 200).then_some(())
    })
    .await;
    let unchanged = fixture.with(far, IF_NONE_MATCH, &far_tag).await;
    assert_eq!(unchanged.status, 304, "the same bytes keep their tag");
}

pub(super) async fn a_cached_response_is_counted_and_has_its_own_id(fixture: &RankingFixture) {
    let asked =
        r#"anb_http_requests_total{method="GET",route="/api/public/rankings",status="200"}"#;
    let ready = r#"anb_pages_total{kind="front",result="hit"}"#;
    let before = (fixture.count(asked).await, fixture.count(ready).await);
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(fixture.get("?page_size=99").await.header("x-request-id").unwrap().to_owned());
    }
    assert!(fixture.count(ready).await > before.1, "no response came from the cache");
    assert!(fixture.count(asked).await >= before.0 + 10, "not every response was counted");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10, "each has its own id");
}

impl RankingFixture {
    /// The value of a counter in the server's metrics.
    async fn count(&self, name: &str) -> u64 {
        let metrics = self.contract.api().fetch("/metrics").await.text();
        let value = metrics.lines().find_map(|line| line.strip_prefix(name));
        value.map_or(0, |value| value.trim().parse().unwrap())
    }
}
