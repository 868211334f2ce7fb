//! `POST /api/auth/signup`.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::fixture::ContractFixture;
use crate::e2e::harness::api_response::assert_problems;
use crate::e2e::harness::client::{SendRequest, new_email, registration};
use crate::e2e::harness::{ApiResponse, Roles, TestEnvironment};

test_on_both_backends!(signup);

async fn signup(env: TestEnvironment) {
    let fixture = ContractFixture::start(env, Roles::NoTranscoder).await;
    check_rules!(&fixture;
        a_new_account_is_shown_without_its_password,
        a_registered_email_is_rejected,
        emails_are_compared_ignoring_case_and_unicode_form,
        passwords_must_match,
        each_problem_has_its_type,
        passwords_are_never_echoed,
        all_problems_are_listed_at_once,
        passwords_of_up_to_128_characters_are_accepted,
        control_characters_are_rejected,
        a_body_that_is_not_an_object_is_rejected,
    );
}

async fn a_new_account_is_shown_without_its_password(fixture: &ContractFixture) {
    let email = new_email("Ana");
    let account = fixture.api().sign_up(&registration(&email)).await.expect(201);
    let id = account["id"].as_str().unwrap();
    assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    for (field, value) in [
        ("first_name", "Ana"),
        ("last_name", "Rincón"),
        ("email", email.as_str()),
        ("city", "Bogotá"),
        ("country", "Colombia"),
    ] {
        assert_eq!(account[field], value);
    }
    assert!(!account.to_string().contains("passw"), "{account}");
}

async fn a_registered_email_is_rejected(fixture: &ContractFixture) {
    let email = new_email("Ana");
    fixture.api().sign_up(&registration(&email)).await.expect(201);
    fixture
        .api()
        .sign_up(&registration(&email))
        .await
        .expect_error(400, "El email ya está registrado");
}

async fn emails_are_compared_ignoring_case_and_unicode_form(fixture: &ContractFixture) {
    fixture.api().sign_up(&registration("josé@example.com")).await.expect(201);
    for same in ["JOSÉ@EXAMPLE.COM", "jose\u{301}@example.com", "José@Example.Com"] {
        fixture
            .api()
            .sign_up(&registration(same))
            .await
            .expect_error(400, "El email ya está registrado");
    }
    let session = fixture.api().log_in("JOSE\u{301}@example.com", "correcto caballo").await;
    session.expect(200);
    fixture.api().sign_up(&registration("jose@example.com")).await.expect(201);
}

async fn passwords_must_match(fixture: &ContractFixture) {
    let mut body = registration(&new_email("Ana"));
    body["password2"] = "otro caballo".into();
    let problem = fixture.api().sign_up(&body).await.problem();
    problem.is("value_error", "body.password2");
    assert!(problem.message.contains("Las contraseñas no coinciden"), "{}", problem.message);
}

/// A registration with one field changed.
async fn with(fixture: &ContractFixture, field: &str, value: Value) -> ApiResponse {
    let mut body = registration(&new_email("Ana"));
    if field == "password1" {
        body["password2"] = value.clone();
    }
    body[field] = value;
    fixture.api().sign_up(&body).await
}

async fn each_problem_has_its_type(fixture: &ContractFixture) {
    for field in ["first_name", "last_name", "city", "country"] {
        let problem = with(fixture, field, "".into()).await.problem();
        problem.is("string_too_short", &format!("body.{field}"));
        assert_eq!(problem.whole["ctx"]["min_length"], 1);
        let problem = with(fixture, field, "ñ".repeat(101).into()).await.problem();
        problem.is("string_too_long", &format!("body.{field}"));
        assert_eq!(problem.whole["ctx"]["max_length"], 100);
        with(fixture, field, "ñ".repeat(100).into()).await.expect(201);
        let problem = with(fixture, field, json!(7)).await.problem();
        problem.is("string_type", &format!("body.{field}"));
        let problem = with(fixture, field, Value::Null).await.problem();
        problem.is("string_type", &format!("body.{field}"));
    }
    for address in ["ana", "ana@", "@example.com", "ana@ejemplo@example.com", "a b@example.com"] {
        let problem = with(fixture, "email", address.into()).await.problem();
        problem.is("value_error", "body.email");
    }
    for field in ["first_name", "last_name", "email", "city", "country", "password1", "password2"] {
        let mut body = registration(&new_email("Ana"));
        body.as_object_mut().unwrap().remove(field);
        let problems = fixture.api().sign_up(&body).await.problems();
        problems[0].is("missing", &format!("body.{field}"));
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
}

async fn passwords_are_never_echoed(fixture: &ContractFixture) {
    let response = with(fixture, "password1", "sieteee".into()).await;
    let problems = response.problems();
    let short = problems.iter().find(|problem| problem.loc == "body.password1").unwrap();
    short.is("string_too_short", "body.password1");
    assert_eq!(short.whole["ctx"]["min_length"], 8);
    assert!(!response.text().contains("sieteee"), "{}", response.text());

    let mut body = registration(&new_email("Ana"));
    body["password2"] = "otro secreto".into();
    body.as_object_mut().unwrap().remove("city");
    let response = fixture.api().sign_up(&body).await;
    assert_eq!(response.status, 422);
    for secret in ["otro secreto", "correcto caballo"] {
        assert!(!response.text().contains(secret), "{}", response.text());
    }
}

async fn all_problems_are_listed_at_once(fixture: &ContractFixture) {
    let fields = ["first_name", "last_name", "email", "password1", "password2", "city", "country"];
    let missing: Vec<String> = fields.iter().map(|field| format!("body.{field}")).collect();
    let missing: Vec<(&str, &str)> = missing.iter().map(|loc| ("missing", loc.as_str())).collect();
    let response = fixture.api().sign_up(&json!({})).await;
    assert_problems(&response.problems(), &missing);

    let mut body = registration("nadie");
    body["first_name"] = "".into();
    body["city"] = "x".repeat(101).into();
    body["country"] = json!([]);
    body.as_object_mut().unwrap().remove("last_name");
    assert_problems(
        &fixture.api().sign_up(&body).await.problems(),
        &[
            ("string_too_short", "body.first_name"),
            ("missing", "body.last_name"),
            ("value_error", "body.email"),
            ("string_too_long", "body.city"),
            ("string_type", "body.country"),
        ],
    );
}

async fn passwords_of_up_to_128_characters_are_accepted(fixture: &ContractFixture) {
    let email = new_email("Ana");
    let long = "contraseña".repeat(13)[..].chars().take(128).collect::<String>();
    let mut body = registration(&email);
    body["password1"] = long.as_str().into();
    body["password2"] = long.as_str().into();
    fixture.api().sign_up(&body).await.expect(201);
    fixture.api().log_in(&email, &long).await.expect(200);
    let almost: String = long.chars().take(127).collect();
    assert_eq!(fixture.api().log_in(&email, &almost).await.status, 401);

    let too_long = with(fixture, "password1", "x".repeat(129).into()).await;
    let problems = too_long.problems();
    assert!(problems.iter().any(|p| p.kind == "string_too_long" && p.loc == "body.password1"));
}

async fn control_characters_are_rejected(fixture: &ContractFixture) {
    for text in ["a\u{0}b", "a\u{7}b", "a\nb", "a\u{7f}b"] {
        for field in ["first_name", "last_name", "email", "city", "country"] {
            let response = with(fixture, field, text.into()).await;
            assert_eq!(response.problems()[0].loc, format!("body.{field}"), "{text:?}");
        }
    }
    assert_eq!(with(fixture, "password1", "clave\u{0}secreta".into()).await.status, 422);
}

async fn a_body_that_is_not_an_object_is_rejected(fixture: &ContractFixture) {
    let post = async |body: &'static str| {
        let request =
            fixture.api().post("/api/auth/signup").header(CONTENT_TYPE, "application/json");
        request.body(body).response().await
    };
    for body in ["[]", "\"ana\"", "7", "true"] {
        post(body).await.problem().is("model_attributes_type", "body");
    }
    for body in ["{", "{\"first_name\": ", "nonsense", "{'a': 1}"] {
        let problem = post(body).await.problem();
        assert_eq!(problem.kind, "json_invalid", "{body}");
        assert!(problem.loc.starts_with("body"), "{}", problem.loc);
    }
}
