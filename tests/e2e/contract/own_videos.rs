//! `GET /api/videos`, `GET` and `DELETE /api/videos/{id}`.

use domain::VideoId;
use serde_json::Value;
use uuid::Uuid;

use super::Stage;
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::{Roles, Upload, World, clip};

on_both!(own_videos);

async fn own_videos(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    hold!(&stage;
        own_videos_are_listed_newest_first,
        an_unprocessed_video_has_no_result_yet,
        a_processed_video_has_all_of_it,
        the_original_can_be_fetched,
        an_id_is_taken_in_any_spelling,
        what_is_no_id_is_not_found,
        nobody_else_sees_or_deletes_it,
        its_owner_deletes_it_with_its_original,
        a_video_with_votes_stays,
    );
}

fn id(video: &Value) -> VideoId {
    video["video_id"].as_str().unwrap().parse().unwrap()
}

async fn own_videos_are_listed_newest_first(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let list =
        async || stage.api().get("/api/videos").bearer_auth(&ana.token).answer().await.ok(200);
    assert_eq!(list().await, Value::Array(Vec::new()));
    let mut expected = Vec::new();
    for title in ["uno", "dos", "tres"] {
        let upload = Upload { title: Some(title.into()), ..Upload::of(clip::real()) };
        expected.insert(0, id(&stage.api().upload(&ana, upload).await.ok(201)));
    }
    let listed: Vec<VideoId> = list().await.as_array().unwrap().iter().map(id).collect();
    assert_eq!(listed, expected);
    stage.api().delete(&ana, expected[1]).await.ok(200);
    let listed: Vec<VideoId> = list().await.as_array().unwrap().iter().map(id).collect();
    assert_eq!(listed, [expected[0], expected[2]]);
}

async fn an_unprocessed_video_has_no_result_yet(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let uploaded = stage.api().upload(&ana, Upload::of(clip::real())).await.ok(201);
    let video = stage.api().video(&ana, id(&uploaded)).await.ok(200);
    assert_eq!(video["video_id"], uploaded["video_id"]);
    assert_eq!(video["title"], "Mi canción");
    assert_eq!(video["status"], "pending");
    assert_eq!(video["uploaded_at"], uploaded["uploaded_at"]);
    assert_eq!(video["votes"], 0);
    for null in ["processed_at", "processed_url"] {
        assert_eq!(video.get(null), Some(&Value::Null), "{null}: {video}");
    }
    let listed = stage.api().get("/api/videos").bearer_auth(&ana.token).answer().await.ok(200);
    let members = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&listed[0]), members(&video), "one such object");
}

async fn a_processed_video_has_all_of_it(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let video = stage.world.published(&ana, 1).await[0];
    let video = stage.api().video(&ana, video).await.ok(200);
    assert_eq!(video["status"], "processed");
    assert!(chrono::DateTime::parse_from_rfc3339(video["processed_at"].as_str().unwrap()).is_ok());
    assert!(video["processed_url"].as_str().unwrap().starts_with("http"), "{video}");
}

async fn the_original_can_be_fetched(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let uploaded = stage.api().upload(&ana, Upload::of(clip::real())).await.ok(201);
    let video = stage.api().video(&ana, id(&uploaded)).await.ok(200);
    let url = video["original_url"].as_str().unwrap();
    let whole = stage.api().fetch(url).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.body, clip::real());
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    let part = stage.api().get(url).header("range", "bytes=100-199").answer().await;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, clip::real()[100..200]);
    let forged = url.replace("ignature=", "ignature=0");
    assert_ne!(forged, url, "the URL carries no signature");
    assert!((400..500).contains(&stage.api().fetch(&forged).await.status));
}

async fn an_id_is_taken_in_any_spelling(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let uploaded = stage.api().upload(&ana, Upload::of(clip::real())).await.ok(201);
    let id = id(&uploaded).0;
    for spelling in [
        id.to_string().to_uppercase(),
        id.simple().to_string(),
        id.urn().to_string(),
        format!("%7B{id}%7D"),
    ] {
        let request = stage.api().get(&format!("/api/videos/{spelling}"));
        let video = request.bearer_auth(&ana.token).answer().await.ok(200);
        assert_eq!(video["video_id"], id.to_string());
    }
}

async fn what_is_no_id_is_not_found(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    for id in ["1", "nothing", &Uuid::new_v4().to_string(), "%F0%9F%8E%B8"] {
        for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
            let request = stage.api().request(method, &format!("/api/videos/{id}"));
            request.bearer_auth(&ana.token).answer().await.error(404, "Video not found");
        }
    }
}

async fn nobody_else_sees_or_deletes_it(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let beto = stage.api().somebody("Beto").await;
    let video = id(&stage.api().upload(&ana, Upload::of(clip::real())).await.ok(201));
    let seen = stage.api().video(&beto, video).await;
    seen.error(403, "Forbidden: this video does not belong to you");
    let deleted = stage.api().delete(&beto, video).await;
    deleted.error(403, "Forbidden: you don't have permission to delete this video");
    stage.api().video(&ana, video).await.ok(200);
}

async fn its_owner_deletes_it_with_its_original(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let id = id(&stage.api().upload(&ana, Upload::of(clip::real())).await.ok(201));
    let video = stage.api().video(&ana, id).await.ok(200);
    let url = video["original_url"].as_str().unwrap();
    assert_eq!(stage.api().fetch(url).await.status, 200);
    let deleted = stage.api().delete(&ana, id).await.ok(200);
    assert_eq!(deleted["message"], "El video ha sido eliminado exitosamente.");
    assert_eq!(deleted["video_id"], id.to_string());
    assert_eq!(stage.api().fetch(url).await.status, 404);
    stage.api().video(&ana, id).await.error(404, "Video not found");
    stage.api().delete(&ana, id).await.error(404, "Video not found");
}

async fn a_video_with_votes_stays(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let beto = stage.api().somebody("Beto").await;
    let video = stage.world.published(&ana, 1).await[0];
    stage.api().vote(&ana, video).await.ok(200);
    stage.api().delete(&ana, video).await.error(400, "Cannot delete video: it has 1 vote(s)");
    stage.api().vote(&beto, video).await.ok(200);
    stage.api().delete(&ana, video).await.error(400, "Cannot delete video: it has 2 vote(s)");
}
