//! `POST /api/public/videos/{id}/vote`.

use domain::VideoId;
use uuid::Uuid;

use super::Stage;
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::{Roles, Upload, World, clip};

on_both!(voting);

async fn voting(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    hold!(&stage;
        a_vote_counts_and_says_so,
        a_second_vote_is_refused,
        what_is_not_published_cannot_be_voted_for,
        what_does_not_exist_cannot_be_voted_for,
        an_idempotency_key_makes_a_retry_safe,
        a_token_that_was_never_issued_is_unknown,
    );
}

async fn a_vote_counts_and_says_so(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let beto = stage.api().somebody("Beto").await;
    let video = stage.world.published(&ana, 1).await[0];
    for (total, voter) in [(1, &ana), (2, &beto)] {
        let answer = stage.api().vote(voter, video).await.ok(200);
        assert_eq!(answer["message"], "Voto registrado exitosamente.");
        assert_eq!(answer["video_id"], video.to_string());
        assert_eq!(answer["total_votes"], total);
    }
    assert_eq!(stage.api().video(&ana, video).await.ok(200)["votes"], 2);
}

async fn a_second_vote_is_refused(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let video = stage.world.published(&ana, 1).await[0];
    stage.api().vote(&ana, video).await.ok(200);
    for _ in 0..2 {
        stage.api().vote(&ana, video).await.error(400, "Ya has votado por este video");
    }
    assert_eq!(stage.api().video(&ana, video).await.ok(200)["votes"], 1);
}

async fn what_is_not_published_cannot_be_voted_for(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let uploaded = stage.api().upload(&ana, Upload::of(clip::real())).await.ok(201);
    let video: VideoId = uploaded["video_id"].as_str().unwrap().parse().unwrap();
    let unavailable = "Este video no está disponible para votación";
    stage.api().vote(&ana, video).await.error(400, unavailable);
    stage.world.fail(video).await;
    let failed = stage.api().video(&ana, video).await.ok(200);
    assert_eq!(failed["status"], "failed");
    stage.api().vote(&ana, video).await.error(400, unavailable);
}

async fn what_does_not_exist_cannot_be_voted_for(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    for id in ["1", "nothing", &Uuid::new_v4().to_string()] {
        let request = stage.api().post(&format!("/api/public/videos/{id}/vote"));
        request.bearer_auth(&ana.token).answer().await.error(404, "Video no encontrado");
    }
    let video = stage.world.published(&ana, 1).await[0];
    stage.api().delete(&ana, video).await.ok(200);
    stage.api().vote(&ana, video).await.error(404, "Video no encontrado");
}

async fn an_idempotency_key_makes_a_retry_safe(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let beto = stage.api().somebody("Beto").await;
    let videos = stage.world.published(&ana, 2).await;
    let with_key = async |voter, video| {
        let request = stage.api().vote_request(voter, video).header("idempotency-key", "una vez");
        request.answer().await
    };
    for _ in 0..3 {
        assert_eq!(with_key(&ana, videos[0]).await.ok(200)["total_votes"], 1);
    }
    // The key belongs to one person and one act.
    assert_eq!(with_key(&ana, videos[1]).await.status, 422);
    assert_eq!(with_key(&beto, videos[0]).await.ok(200)["total_votes"], 2);
    stage.api().vote(&ana, videos[0]).await.error(400, "Ya has votado por este video");
}

async fn a_token_that_was_never_issued_is_unknown(stage: &Stage) {
    for token in ["x", "AAAA", &"A".repeat(80)] {
        let answer = stage.api().fetch(&format!("/api/commands/{token}")).await;
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
}
