//! `POST /api/auth/signup`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::{Commands, Registration};
use http::StatusCode;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::error::{ApiError, ErrorBody, RejectedCommand};
use crate::extract::{JsonObject, Member, RequestContext, schema_of};
use crate::routes::command_response::{Pending, failed, respond};
use crate::text::TextRule;

const NAME: TextRule = TextRule::line(1, 100);
const PASSWORD: TextRule = TextRule::secret(8, 128);
const MEMBERS: [Member; 7] = [
    Member::text("first_name", NAME),
    Member::text("last_name", NAME),
    Member::email("email"),
    Member::text("password1", PASSWORD),
    Member::repeat(
        "password2",
        "password1",
        "Las contraseñas no coinciden",
        "The same password again.",
    ),
    Member::text("city", NAME),
    Member::text("country", NAME),
];

/// A person who wants to take part.
pub(crate) struct Signup;

impl PartialSchema for Signup {
    fn schema() -> RefOr<Schema> {
        schema_of("A person who wants to take part.", &MEMBERS)
    }
}

impl ToSchema for Signup {}

/// A person who takes part.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedUp {
    id: Uuid,
    first_name: String,
    last_name: String,
    email: String,
    city: String,
    country: String,
}

/// Signs a person up.
#[utoipa::path(
    post, path = "/api/auth/signup", tag = "auth", request_body = Signup,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses(
        (status = 201, body = SignedUp),
        (status = 202, body = Pending, description = "Recorded; the verdict will come"),
        (status = 400, body = ErrorBody, description = "The email is known"),
        (status = 413, body = ErrorBody, description = "The body is over 64 KiB"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn signup(
    State(commands): State<Commands>,
    RequestContext(context): RequestContext,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let registration = parse(&body)?;
    let mut signed_up = SignedUp {
        id: Uuid::nil(),
        first_name: registration.first_name.clone(),
        last_name: registration.last_name.clone(),
        email: registration.email.clone(),
        city: registration.city.clone(),
        country: registration.country.clone(),
    };
    let answer = commands
        .register(&context, registration)
        .await
        .map_err(failed(RejectedCommand::Registration))?;
    Ok(respond(answer, |account| {
        signed_up.id = account.0;
        (StatusCode::CREATED, Json(signed_up)).into_response()
    }))
}

/// The registration.
///
/// # Errors
/// All problems of the body.
pub(crate) fn parse(body: &JsonObject) -> Result<Registration, ApiError> {
    let [first_name, last_name, email, password, _, city, country] = body.texts(&MEMBERS)?;
    Ok(Registration { first_name, last_name, email, password, city, country })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn good() -> Value {
        json!({
            "first_name": "Ana", "last_name": "Díaz", "email": "ana@example.com",
            "password1": "correct horse", "password2": "correct horse",
            "city": "Bogotá", "country": "Colombia",
        })
    }

    /// The problems of a sign-up in which some members were replaced (null: left out).
    fn problems_with(changes: &Value) -> Vec<Value> {
        let mut body = good();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => body.as_object_mut().unwrap().remove(name),
                value => body.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        match parse(&JsonObject(body.as_object().unwrap().clone())) {
            Ok(_) => Vec::new(),
            Err(ApiError::Validation(problems)) => {
                problems.iter().map(|problem| serde_json::to_value(problem).unwrap()).collect()
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn kinds(changes: &Value) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        problems_with(changes).iter().map(|p| (text(&p["loc"][1]), text(&p["type"]))).collect()
    }

    #[test]
    fn a_valid_signup_has_a_password_of_8_to_128_characters() {
        assert!(problems_with(&json!({})).is_empty());
        for length in [8, 128] {
            let password = "ñ".repeat(length);
            let both = json!({ "password1": password, "password2": password });
            assert!(problems_with(&both).is_empty(), "{length}");
        }
    }

    #[test]
    fn different_passwords_are_a_problem_of_the_second() {
        let problems = problems_with(&json!({ "password2": "another horse" }));
        assert_eq!(
            problems,
            [json!({
                "type": "value_error",
                "loc": ["body", "password2"],
                "msg": "Value error, Las contraseñas no coinciden",
                "ctx": { "error": {} },
            })]
        );
    }

    #[test]
    fn all_problems_are_listed_at_once() {
        let changes = json!({
            "first_name": null, "last_name": "", "email": "nobody", "password1": "short",
            "password2": 5, "city": "x".repeat(101), "country": ["Colombia"],
        });
        let expected = [
            ("first_name", "missing"),
            ("last_name", "string_too_short"),
            ("email", "value_error"),
            ("password1", "string_too_short"),
            ("password2", "string_type"),
            ("city", "string_too_long"),
            ("country", "string_type"),
        ];
        let expected: Vec<_> =
            expected.map(|(field, kind)| (field.to_owned(), kind.to_owned())).into();
        assert_eq!(kinds(&changes), expected);
    }

    #[test]
    fn no_problem_echoes_a_password() {
        let secret = "hunter2-hunter2";
        for changes in [
            json!({ "password1": secret, "city": null }),
            json!({ "password1": secret.repeat(20), "email": 1 }),
            json!({ "password1": [secret], "password2": { "a": secret } }),
            json!({ "password1": null, "pasword1": secret }),
            json!({ "password1": format!("{secret}\u{0}") }),
        ] {
            let problems = problems_with(&changes);
            assert!(!problems.is_empty());
            assert!(!Value::from(problems).to_string().contains("hunter2"), "{changes}");
        }
    }
}
