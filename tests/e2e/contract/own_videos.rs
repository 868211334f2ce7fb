//! `GET /api/videos`, `GET` and `DELETE /api/videos/{id}`.

use domain::VideoId;
use serde_json::Value;
use uuid::Uuid;

use super::fixture::ContractFixture;
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::{Roles, TestEnvironment, Upload, clip};

test_on_both_backends!(own_videos);

async fn own_videos(env: TestEnvironment) {
    let fixture = ContractFixture::start(env, Roles::NoTranscoder).await;
    check_rules!(&fixture;
        own_videos_are_listed_newest_first,
        an_unprocessed_video_has_no_result_yet,
        a_processed_video_has_its_results,
        the_owner_can_fetch_the_original,
        a_video_id_is_accepted_in_any_uuid_format,
        an_invalid_or_unknown_id_is_not_found,
        only_the_owner_sees_or_deletes_a_video,
        deleting_a_video_deletes_its_original,
        a_video_with_votes_cannot_be_deleted,
    );
}

fn id(video: &Value) -> VideoId {
    video["video_id"].as_str().unwrap().parse().unwrap()
}

async fn own_videos_are_listed_newest_first(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let list = async || {
        fixture.api().get("/api/videos").bearer_auth(&ana.token).response().await.expect(200)
    };
    assert_eq!(list().await, Value::Array(Vec::new()));
    let mut expected = Vec::new();
    for title in ["uno", "dos", "tres"] {
        let upload = Upload { title: Some(title.into()), ..Upload::of(clip::real()) };
        expected.insert(0, id(&fixture.api().upload(&ana, upload).await.expect(201)));
    }
    let listed: Vec<VideoId> = list().await.as_array().unwrap().iter().map(id).collect();
    assert_eq!(listed, expected);
    fixture.api().delete(&ana, expected[1]).await.expect(200);
    let listed: Vec<VideoId> = list().await.as_array().unwrap().iter().map(id).collect();
    assert_eq!(listed, [expected[0], expected[2]]);
}

async fn an_unprocessed_video_has_no_result_yet(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let uploaded = fixture.api().upload(&ana, Upload::of(clip::real())).await.expect(201);
    let video = fixture.api().video(&ana, id(&uploaded)).await.expect(200);
    assert_eq!(video["video_id"], uploaded["video_id"]);
    assert_eq!(video["title"], "Mi canción");
    assert_eq!(video["status"], "pending");
    assert_eq!(video["uploaded_at"], uploaded["uploaded_at"]);
    assert_eq!(video["votes"], 0);
    for null in ["processed_at", "processed_url"] {
        assert_eq!(video.get(null), Some(&Value::Null), "{null}: {video}");
    }
    let listed =
        fixture.api().get("/api/videos").bearer_auth(&ana.token).response().await.expect(200);
    let members = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&listed[0]), members(&video), "one such object");
}

async fn a_processed_video_has_its_results(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let video = fixture.env.publish_videos(&ana, 1).await[0];
    let video = fixture.api().video(&ana, video).await.expect(200);
    assert_eq!(video["status"], "processed");
    assert!(chrono::DateTime::parse_from_rfc3339(video["processed_at"].as_str().unwrap()).is_ok());
    assert!(video["processed_url"].as_str().unwrap().starts_with("http"), "{video}");
}

async fn the_owner_can_fetch_the_original(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let uploaded = fixture.api().upload(&ana, Upload::of(clip::real())).await.expect(201);
    let video = fixture.api().video(&ana, id(&uploaded)).await.expect(200);
    let url = video["original_url"].as_str().unwrap();
    let whole = fixture.api().fetch(url).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.body, clip::real());
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    let part = fixture.api().get(url).header("range", "bytes=100-199").response().await;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, clip::real()[100..200]);
    let forged = url.replace("ignature=", "ignature=0");
    assert_ne!(forged, url, "the URL carries no signature");
    assert!((400..500).contains(&fixture.api().fetch(&forged).await.status));
}

async fn a_video_id_is_accepted_in_any_uuid_format(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let uploaded = fixture.api().upload(&ana, Upload::of(clip::real())).await.expect(201);
    let id = id(&uploaded).0;
    for spelling in [
        id.to_string().to_uppercase(),
        id.simple().to_string(),
        id.urn().to_string(),
        format!("%7B{id}%7D"),
    ] {
        let request = fixture.api().get(&format!("/api/videos/{spelling}"));
        let video = request.bearer_auth(&ana.token).response().await.expect(200);
        assert_eq!(video["video_id"], id.to_string());
    }
}

async fn an_invalid_or_unknown_id_is_not_found(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    for id in ["1", "nothing", &Uuid::new_v4().to_string(), "%F0%9F%8E%B8"] {
        for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
            let request = fixture.api().request(method, &format!("/api/videos/{id}"));
            request.bearer_auth(&ana.token).response().await.expect_error(404, "Video not found");
        }
    }
}

async fn only_the_owner_sees_or_deletes_a_video(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let beto = fixture.api().new_person("Beto").await;
    let video = id(&fixture.api().upload(&ana, Upload::of(clip::real())).await.expect(201));
    let seen = fixture.api().video(&beto, video).await;
    seen.expect_error(403, "Forbidden: this video does not belong to you");
    let deleted = fixture.api().delete(&beto, video).await;
    deleted.expect_error(403, "Forbidden: you don't have permission to delete this video");
    fixture.api().video(&ana, video).await.expect(200);
}

async fn deleting_a_video_deletes_its_original(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let id = id(&fixture.api().upload(&ana, Upload::of(clip::real())).await.expect(201));
    let video = fixture.api().video(&ana, id).await.expect(200);
    let url = video["original_url"].as_str().unwrap();
    assert_eq!(fixture.api().fetch(url).await.status, 200);
    let deleted = fixture.api().delete(&ana, id).await.expect(200);
    assert_eq!(deleted["message"], "El video ha sido eliminado exitosamente.");
    assert_eq!(deleted["video_id"], id.to_string());
    assert_eq!(fixture.api().fetch(url).await.status, 404);
    fixture.api().video(&ana, id).await.expect_error(404, "Video not found");
    fixture.api().delete(&ana, id).await.expect_error(404, "Video not found");
}

async fn a_video_with_votes_cannot_be_deleted(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let beto = fixture.api().new_person("Beto").await;
    let video = fixture.env.publish_videos(&ana, 1).await[0];
    fixture.api().vote(&ana, video).await.expect(200);
    fixture
        .api()
        .delete(&ana, video)
        .await
        .expect_error(400, "Cannot delete video: it has 1 vote(s)");
    fixture.api().vote(&beto, video).await.expect(200);
    fixture
        .api()
        .delete(&ana, video)
        .await
        .expect_error(400, "Cannot delete video: it has 2 vote(s)");
}
