//! Pages that are kept: by clients, by caches on the way, by the server.

use std::io::Read;

use reqwest::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

use super::Scene;
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::{Answer, eventually};

const PATHS: [&str; 3] =
    ["/api/public/rankings", "/api/public/videos", "/api/public/rankings/boards?page_size=100"];

impl Scene {
    async fn with(&self, path: &str, name: reqwest::header::HeaderName, value: &str) -> Answer {
        self.stage.api().get(path).header(name, value).answer().await
    }
}

pub(super) async fn caches_may_keep_a_page_for_a_second(scene: &Scene) {
    for path in PATHS {
        let answer = scene.stage.api().fetch(path).await;
        let control = answer.header("cache-control").unwrap();
        for directive in ["public", "max-age=0", "s-maxage=1", "stale-while-revalidate=1"] {
            assert!(control.split(", ").any(|given| given == directive), "{path}: {control}");
        }
        assert_eq!(answer.header("vary"), Some("accept-encoding"), "{path}");
        assert!(answer.header("etag").unwrap().starts_with('"'), "a strong tag");
    }
    let api = scene.stage.api();
    let own = api.get("/api/rankings/me").bearer_auth(&scene.artists[0].token).answer().await;
    assert_eq!(own.header("cache-control"), Some("private, no-cache"));
}

pub(super) async fn a_page_is_sent_in_the_encoding_that_the_client_takes(scene: &Scene) {
    let path = "/api/public/videos";
    let plain = scene.with(path, ACCEPT_ENCODING, "identity").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.body.len() > 1_024, "too short to be worth it");
    let mut tags = vec![plain.header("etag").unwrap().to_owned()];
    for (accept, encoding) in [("gzip", "gzip"), ("gzip, br", "br")] {
        let answer = scene.with(path, ACCEPT_ENCODING, accept).await;
        assert_eq!(answer.header("content-encoding"), Some(encoding));
        assert!(answer.body.len() < plain.body.len() / 2, "{}", answer.body.len());
        let decoded = decoded(encoding, &answer.body);
        // The list signs its links anew from time to time; what it says stays.
        let videos: serde_json::Value = serde_json::from_slice(&decoded).unwrap();
        assert_eq!(videos.as_array().unwrap().len(), plain.json().as_array().unwrap().len());
        tags.push(answer.header("etag").unwrap().to_owned());
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

pub(super) async fn an_unchanged_ranking_is_not_sent_again(scene: &Scene) {
    let path = "/api/public/rankings";
    let tag = scene.ask("").await.header("etag").unwrap().to_owned();
    let again = scene.with(path, IF_NONE_MATCH, &tag).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(tag.as_str()));
    assert_eq!(scene.with(path, IF_NONE_MATCH, "\"x\"").await.status, 200);
}

pub(super) async fn a_ranking_that_changed_is_sent(scene: &Scene) {
    let (path, far) = ("/api/public/rankings", "/api/public/rankings?page_size=1");
    let tag = scene.ask("").await.header("etag").unwrap().to_owned();
    let far_tag = scene.ask("?page_size=1").await.header("etag").unwrap().to_owned();
    let voter = scene.stage.api().somebody("Fito").await;
    let doras = scene.stage.world.published(&scene.artists[3], 1).await;
    scene.stage.api().vote(&voter, doras[0]).await.ok(200);
    eventually("the tag changes with the ranking", async || {
        (scene.with(path, IF_NONE_MATCH, &tag).await.status == 200).then_some(())
    })
    .await;
    let unchanged = scene.with(far, IF_NONE_MATCH, &far_tag).await;
    assert_eq!(unchanged.status, 304, "the same bytes keep their tag");
}

pub(super) async fn a_page_that_is_ready_counts_like_any_other(scene: &Scene) {
    let asked =
        r#"anb_http_requests_total{method="GET",route="/api/public/rankings",status="200"}"#;
    let ready = r#"anb_pages_total{kind="front",result="hit"}"#;
    let before = (scene.count(asked).await, scene.count(ready).await);
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(scene.ask("?page_size=99").await.header("x-request-id").unwrap().to_owned());
    }
    assert!(scene.count(ready).await > before.1, "some came from the front");
    assert!(scene.count(asked).await >= before.0 + 10, "all were counted");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10, "each has its own id");
}

impl Scene {
    /// What the server has counted under this name so far.
    async fn count(&self, name: &str) -> u64 {
        let metrics = self.stage.api().fetch("/metrics").await.text();
        let value = metrics.lines().find_map(|line| line.strip_prefix(name));
        value.map_or(0, |value| value.trim().parse().unwrap())
    }
}
