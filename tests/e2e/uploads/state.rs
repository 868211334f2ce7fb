//! The stored state of uploads and videos.

use reqwest::Method;
use serde_json::Value;

use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::{ApiClient, Person, TestEnvironment};

/// The owner's videos.
pub(super) async fn videos_of(api: &ApiClient, owner: &Person) -> Vec<Value> {
    let list = api.get("/api/videos").bearer_auth(&owner.token).response().await.expect(200);
    list.as_array().unwrap().clone()
}

/// Asserts that the owner has exactly one video with these bytes, and returns its id.
pub(super) async fn assert_one_video(api: &ApiClient, owner: &Person, original: &[u8]) -> String {
    let videos = videos_of(api, owner).await;
    assert_eq!(videos.len(), 1, "{videos:?}");
    let stored = api.request(Method::GET, videos[0]["original_url"].as_str().unwrap());
    assert!(stored.response().await.body == original, "the stored bytes differ");
    videos[0]["video_id"].as_str().unwrap().to_owned()
}

/// The number of stored pieces of all uploads.
pub(super) async fn count_pieces(env: &TestEnvironment) -> i64 {
    let sql = "select coalesce(sum(cardinality(pieces)), 0)::bigint from resumable_uploads";
    sqlx::query_scalar(sql).fetch_one(&env.pool).await.unwrap()
}
