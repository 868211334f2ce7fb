//! `POST /api/auth/login`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::fixture::ContractFixture;
use crate::e2e::harness::api_response::assert_problems;
use crate::e2e::harness::client::{PASSWORD, SendRequest, new_email};
use crate::e2e::harness::{Roles, TestEnvironment};

test_on_both_backends!(login);

async fn login(env: TestEnvironment) {
    let fixture = ContractFixture::start(env, Roles::NoTranscoder).await;
    check_rules!(&fixture;
        the_right_password_gives_a_token,
        a_wrong_password_and_an_unknown_email_get_the_same_response,
        a_wrong_password_and_an_unknown_email_take_the_same_time,
        all_problems_are_listed_at_once,
    );
}

async fn the_right_password_gives_a_token(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let session = fixture.api().log_in(&ana.email, PASSWORD).await.expect(200);
    assert_eq!(session["token_type"], "Bearer");
    assert_eq!(session["expires_in"], 86_400);
    let token = session["access_token"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    fixture.api().get("/api/videos").bearer_auth(token).response().await.expect(200);
    fixture.api().log_in(&ana.email.to_uppercase(), PASSWORD).await.expect(200);
}

async fn a_wrong_password_and_an_unknown_email_get_the_same_response(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let wrong = fixture.api().log_in(&ana.email, "incorrecto caballo").await;
    let unknown = fixture.api().log_in(&new_email("Nadie"), PASSWORD).await;
    for response in [&wrong, &unknown] {
        response.expect_error(401, "Email o contraseña incorrectos");
    }
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.header("www-authenticate"), unknown.header("www-authenticate"));
}

/// Compares the shortest of eight tries, which load on the machine disturbs least. A response without
/// a password hash would be an order of magnitude faster.
async fn a_wrong_password_and_an_unknown_email_take_the_same_time(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let fastest = async |email: &str| {
        let mut fastest = Duration::MAX;
        for _ in 0..8 {
            let started = Instant::now();
            assert_eq!(fixture.api().log_in(email, "incorrecto caballo").await.status, 401);
            fastest = fastest.min(started.elapsed());
        }
        fastest
    };
    let wrong = fastest(&ana.email).await;
    let unknown = fastest(&new_email("Nadie")).await;
    let ratio = wrong.as_secs_f64() / unknown.as_secs_f64();
    assert!((0.33..3.0).contains(&ratio), "wrong: {wrong:?}, unknown: {unknown:?}");
}

async fn all_problems_are_listed_at_once(fixture: &ContractFixture) {
    let response = fixture.api().post("/api/auth/login").json(&json!({})).response().await;
    assert_problems(
        &response.problems(),
        &[("missing", "body.email"), ("missing", "body.password")],
    );
    let body = json!({"email": 7, "password": ["secreto"]});
    let response = fixture.api().post("/api/auth/login").json(&body).response().await;
    assert_problems(
        &response.problems(),
        &[("string_type", "body.email"), ("string_type", "body.password")],
    );
    assert!(!response.text().contains("secreto"), "{}", response.text());
}
