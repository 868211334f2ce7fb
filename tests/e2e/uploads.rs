//! Resumable uploads: the protocol row by row, and what breaks in the middle.

mod broken;
mod moments;
mod protocol;

use reqwest::Method;
use serde_json::Value;

use super::harness::client::Ask;
use super::harness::{Api, Person, World};

/// One's own videos.
async fn videos(api: &Api, owner: &Person) -> Vec<Value> {
    let list = api.get("/api/videos").bearer_auth(&owner.token).answer().await.ok(200);
    list.as_array().unwrap().clone()
}

/// Whether somebody has exactly this one video, byte for byte.
async fn has_one_video(api: &Api, owner: &Person, original: &[u8]) -> String {
    let videos = videos(api, owner).await;
    assert_eq!(videos.len(), 1, "{videos:?}");
    let stored = api.request(Method::GET, videos[0]["original_url"].as_str().unwrap());
    assert!(stored.answer().await.body == original, "the stored bytes are others");
    videos[0]["video_id"].as_str().unwrap().to_owned()
}

/// The pieces that all unfinished uploads of a world need.
async fn pieces(world: &World) -> i64 {
    let sql = "select coalesce(sum(cardinality(pieces)), 0)::bigint from resumable_uploads";
    sqlx::query_scalar(sql).fetch_one(&world.pool).await.unwrap()
}
