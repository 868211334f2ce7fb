//! `POST /api/auth/signup`.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::Stage;
use crate::e2e::harness::answer::assert_problems;
use crate::e2e::harness::client::{Ask, new_email, registration};
use crate::e2e::harness::{Answer, Roles, World};

on_both!(signing_up);

async fn signing_up(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    hold!(&stage;
        a_new_account_is_shown_without_its_password,
        a_known_email_is_refused,
        an_email_is_one_regardless_of_case_and_unicode_form,
        passwords_must_agree,
        each_problem_has_its_type,
        passwords_are_never_echoed,
        all_problems_are_listed_at_once,
        long_passwords_work,
        control_characters_are_refused,
        what_is_no_object_is_refused,
    );
}

async fn a_new_account_is_shown_without_its_password(stage: &Stage) {
    let email = new_email("Ana");
    let account = stage.api().sign_up(&registration(&email)).await.ok(201);
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

async fn a_known_email_is_refused(stage: &Stage) {
    let email = new_email("Ana");
    stage.api().sign_up(&registration(&email)).await.ok(201);
    stage.api().sign_up(&registration(&email)).await.error(400, "El email ya está registrado");
}

async fn an_email_is_one_regardless_of_case_and_unicode_form(stage: &Stage) {
    stage.api().sign_up(&registration("josé@example.com")).await.ok(201);
    for same in ["JOSÉ@EXAMPLE.COM", "jose\u{301}@example.com", "José@Example.Com"] {
        stage.api().sign_up(&registration(same)).await.error(400, "El email ya está registrado");
    }
    let session = stage.api().log_in("JOSE\u{301}@example.com", "correcto caballo").await;
    session.ok(200);
    stage.api().sign_up(&registration("jose@example.com")).await.ok(201);
}

async fn passwords_must_agree(stage: &Stage) {
    let mut body = registration(&new_email("Ana"));
    body["password2"] = "otro caballo".into();
    let problem = stage.api().sign_up(&body).await.problem();
    problem.is("value_error", "body.password2");
    assert!(problem.message.contains("Las contraseñas no coinciden"), "{}", problem.message);
}

/// A registration with one field changed.
async fn with(stage: &Stage, field: &str, value: Value) -> Answer {
    let mut body = registration(&new_email("Ana"));
    if field == "password1" {
        body["password2"] = value.clone();
    }
    body[field] = value;
    stage.api().sign_up(&body).await
}

async fn each_problem_has_its_type(stage: &Stage) {
    for field in ["first_name", "last_name", "city", "country"] {
        let problem = with(stage, field, "".into()).await.problem();
        problem.is("string_too_short", &format!("body.{field}"));
        assert_eq!(problem.whole["ctx"]["min_length"], 1);
        let problem = with(stage, field, "ñ".repeat(101).into()).await.problem();
        problem.is("string_too_long", &format!("body.{field}"));
        assert_eq!(problem.whole["ctx"]["max_length"], 100);
        with(stage, field, "ñ".repeat(100).into()).await.ok(201);
        let problem = with(stage, field, json!(7)).await.problem();
        problem.is("string_type", &format!("body.{field}"));
        let problem = with(stage, field, Value::Null).await.problem();
        problem.is("string_type", &format!("body.{field}"));
    }
    for address in ["ana", "ana@", "@example.com", "ana@ejemplo@example.com", "a b@example.com"] {
        let problem = with(stage, "email", address.into()).await.problem();
        problem.is("value_error", "body.email");
    }
    for field in ["first_name", "last_name", "email", "city", "country", "password1", "password2"] {
        let mut body = registration(&new_email("Ana"));
        body.as_object_mut().unwrap().remove(field);
        let problems = stage.api().sign_up(&body).await.problems();
        problems[0].is("missing", &format!("body.{field}"));
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
}

async fn passwords_are_never_echoed(stage: &Stage) {
    let answer = with(stage, "password1", "sieteee".into()).await;
    let problems = answer.problems();
    let short = problems.iter().find(|problem| problem.loc == "body.password1").unwrap();
    short.is("string_too_short", "body.password1");
    assert_eq!(short.whole["ctx"]["min_length"], 8);
    assert!(!answer.text().contains("sieteee"), "{}", answer.text());

    let mut body = registration(&new_email("Ana"));
    body["password2"] = "otro secreto".into();
    body.as_object_mut().unwrap().remove("city");
    let answer = stage.api().sign_up(&body).await;
    assert_eq!(answer.status, 422);
    for secret in ["otro secreto", "correcto caballo"] {
        assert!(!answer.text().contains(secret), "{}", answer.text());
    }
}

async fn all_problems_are_listed_at_once(stage: &Stage) {
    let fields = ["first_name", "last_name", "email", "password1", "password2", "city", "country"];
    let missing: Vec<String> = fields.iter().map(|field| format!("body.{field}")).collect();
    let missing: Vec<(&str, &str)> = missing.iter().map(|loc| ("missing", loc.as_str())).collect();
    let answer = stage.api().sign_up(&json!({})).await;
    assert_problems(&answer.problems(), &missing);

    let mut body = registration("nadie");
    body["first_name"] = "".into();
    body["city"] = "x".repeat(101).into();
    body["country"] = json!([]);
    body.as_object_mut().unwrap().remove("last_name");
    assert_problems(
        &stage.api().sign_up(&body).await.problems(),
        &[
            ("string_too_short", "body.first_name"),
            ("missing", "body.last_name"),
            ("value_error", "body.email"),
            ("string_too_long", "body.city"),
            ("string_type", "body.country"),
        ],
    );
}

async fn long_passwords_work(stage: &Stage) {
    let email = new_email("Ana");
    let long = "contraseña".repeat(13)[..].chars().take(128).collect::<String>();
    let mut body = registration(&email);
    body["password1"] = long.as_str().into();
    body["password2"] = long.as_str().into();
    stage.api().sign_up(&body).await.ok(201);
    stage.api().log_in(&email, &long).await.ok(200);
    let almost: String = long.chars().take(127).collect();
    assert_eq!(stage.api().log_in(&email, &almost).await.status, 401);

    let too_long = with(stage, "password1", "x".repeat(129).into()).await;
    let problems = too_long.problems();
    assert!(problems.iter().any(|p| p.kind == "string_too_long" && p.loc == "body.password1"));
}

async fn control_characters_are_refused(stage: &Stage) {
    for text in ["a\u{0}b", "a\u{7}b", "a\nb", "a\u{7f}b"] {
        for field in ["first_name", "last_name", "email", "city", "country"] {
            let answer = with(stage, field, text.into()).await;
            assert_eq!(answer.problems()[0].loc, format!("body.{field}"), "{text:?}");
        }
    }
    assert_eq!(with(stage, "password1", "clave\u{0}secreta".into()).await.status, 422);
}

async fn what_is_no_object_is_refused(stage: &Stage) {
    let post = async |body: &'static str| {
        let request = stage.api().post("/api/auth/signup").header(CONTENT_TYPE, "application/json");
        request.body(body).answer().await
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
