//! `POST /api/public/videos/{id}/vote`.

use domain::VideoId;
use uuid::Uuid;

use super::fixture::ContractFixture;
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::{Roles, TestEnvironment, Upload, clip};

test_on_both_backends!(voting);

async fn voting(env: TestEnvironment) {
    let fixture = ContractFixture::start(env, Roles::NoTranscoder).await;
    check_rules!(&fixture;
        a_vote_counts_and_returns_the_total,
        a_second_vote_is_rejected,
        an_unpublished_video_cannot_be_voted_for,
        an_unknown_or_deleted_video_cannot_be_voted_for,
        an_idempotency_key_makes_a_retry_safe,
        a_command_token_that_was_never_issued_is_not_found,
    );
}

async fn a_vote_counts_and_returns_the_total(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let beto = fixture.api().new_person("Beto").await;
    let video = fixture.env.publish_videos(&ana, 1).await[0];
    for (total, voter) in [(1, &ana), (2, &beto)] {
        let response = fixture.api().vote(voter, video).await.expect(200);
        assert_eq!(response["message"], "Voto registrado exitosamente.");
        assert_eq!(response["video_id"], video.to_string());
        assert_eq!(response["total_votes"], total);
    }
    assert_eq!(fixture.api().video(&ana, video).await.expect(200)["votes"], 2);
}

async fn a_second_vote_is_rejected(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let video = fixture.env.publish_videos(&ana, 1).await[0];
    fixture.api().vote(&ana, video).await.expect(200);
    for _ in 0..2 {
        fixture.api().vote(&ana, video).await.expect_error(400, "Ya has votado por este video");
    }
    assert_eq!(fixture.api().video(&ana, video).await.expect(200)["votes"], 1);
}

async fn an_unpublished_video_cannot_be_voted_for(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let uploaded = fixture.api().upload(&ana, Upload::of(clip::real())).await.expect(201);
    let video: VideoId = uploaded["video_id"].as_str().unwrap().parse().unwrap();
    let unavailable = "Este video no está disponible para votación";
    fixture.api().vote(&ana, video).await.expect_error(400, unavailable);
    fixture.env.fail_processing(video).await;
    let failed = fixture.api().video(&ana, video).await.expect(200);
    assert_eq!(failed["status"], "failed");
    fixture.api().vote(&ana, video).await.expect_error(400, unavailable);
}

async fn an_unknown_or_deleted_video_cannot_be_voted_for(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    for id in ["1", "nothing", &Uuid::new_v4().to_string()] {
        let request = fixture.api().post(&format!("/api/public/videos/{id}/vote"));
        request.bearer_auth(&ana.token).response().await.expect_error(404, "Video no encontrado");
    }
    let video = fixture.env.publish_videos(&ana, 1).await[0];
    fixture.api().delete(&ana, video).await.expect(200);
    fixture.api().vote(&ana, video).await.expect_error(404, "Video no encontrado");
}

async fn an_idempotency_key_makes_a_retry_safe(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let beto = fixture.api().new_person("Beto").await;
    let videos = fixture.env.publish_videos(&ana, 2).await;
    let with_key = async |voter, video| {
        let request = fixture.api().vote_request(voter, video).header("idempotency-key", "una vez");
        request.response().await
    };
    for _ in 0..3 {
        assert_eq!(with_key(&ana, videos[0]).await.expect(200)["total_votes"], 1);
    }
    // A key stands for one request of one person.
    assert_eq!(with_key(&ana, videos[1]).await.status, 422);
    assert_eq!(with_key(&beto, videos[0]).await.expect(200)["total_votes"], 2);
    fixture.api().vote(&ana, videos[0]).await.expect_error(400, "Ya has votado por este video");
}

async fn a_command_token_that_was_never_issued_is_not_found(fixture: &ContractFixture) {
    for token in ["x", "AAAA", &"A".repeat(80)] {
        let response = fixture.api().fetch(&format!("/api/commands/{token}")).await;
        assert_eq!(response.status, 404, "{}", response.text());
    }
}
