//! `POST /api/auth/login`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Stage;
use crate::e2e::harness::answer::assert_problems;
use crate::e2e::harness::client::{Ask, PASSWORD, new_email};
use crate::e2e::harness::{Roles, World};

on_both!(signing_in);

async fn signing_in(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    hold!(&stage;
        the_right_password_gives_a_token,
        a_wrong_password_and_an_unknown_email_get_the_same_answer,
        both_take_the_same_time,
        all_problems_are_listed_at_once,
    );
}

async fn the_right_password_gives_a_token(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let session = stage.api().log_in(&ana.email, PASSWORD).await.ok(200);
    assert_eq!(session["token_type"], "Bearer");
    assert_eq!(session["expires_in"], 86_400);
    let token = session["access_token"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    stage.api().get("/api/videos").bearer_auth(token).answer().await.ok(200);
    stage.api().log_in(&ana.email.to_uppercase(), PASSWORD).await.ok(200);
}

async fn a_wrong_password_and_an_unknown_email_get_the_same_answer(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let wrong = stage.api().log_in(&ana.email, "incorrecto caballo").await;
    let unknown = stage.api().log_in(&new_email("Nadie"), PASSWORD).await;
    for answer in [&wrong, &unknown] {
        answer.error(401, "Email o contraseña incorrectos");
    }
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.header("www-authenticate"), unknown.header("www-authenticate"));
}

/// The shortest of several tries, which a busy machine disturbs least. An answer without the work
/// of checking a password would be an order of magnitude faster.
async fn both_take_the_same_time(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let fastest = async |email: &str| {
        let mut fastest = Duration::MAX;
        for _ in 0..8 {
            let started = Instant::now();
            assert_eq!(stage.api().log_in(email, "incorrecto caballo").await.status, 401);
            fastest = fastest.min(started.elapsed());
        }
        fastest
    };
    let wrong = fastest(&ana.email).await;
    let unknown = fastest(&new_email("Nadie")).await;
    let ratio = wrong.as_secs_f64() / unknown.as_secs_f64();
    assert!((0.33..3.0).contains(&ratio), "wrong: {wrong:?}, unknown: {unknown:?}");
}

async fn all_problems_are_listed_at_once(stage: &Stage) {
    let answer = stage.api().post("/api/auth/login").json(&json!({})).answer().await;
    assert_problems(&answer.problems(), &[("missing", "body.email"), ("missing", "body.password")]);
    let body = json!({"email": 7, "password": ["secreto"]});
    let answer = stage.api().post("/api/auth/login").json(&body).answer().await;
    assert_problems(
        &answer.problems(),
        &[("string_type", "body.email"), ("string_type", "body.password")],
    );
    assert!(!answer.text().contains("secreto"), "{}", answer.text());
}
