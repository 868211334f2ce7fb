//! `POST /api/auth/signup`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::{Answer, Commands, Registration};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, ErrorBody};
use crate::extract::{Fields, JsonObject, RequestContext};
use crate::routes::pending::{Pending, failed, pending};
use crate::text::TextRule;

const NAME: TextRule = TextRule::line(1, 100);
const PASSWORD: TextRule = TextRule::secret(8, 128);
const OPEN: [&str; 5] = ["first_name", "last_name", "email", "city", "country"];

/// A person who wants to take part.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body; `parse` reads it, to find all problems at once")]
pub(crate) struct Signup {
    #[schema(min_length = 1, max_length = 100)]
    first_name: String,
    #[schema(min_length = 1, max_length = 100)]
    last_name: String,
    #[schema(format = "email")]
    email: String,
    #[schema(min_length = 8, max_length = 128, format = "password")]
    password1: String,
    /// The same password again.
    #[schema(format = "password")]
    password2: String,
    #[schema(min_length = 1, max_length = 100)]
    city: String,
    #[schema(min_length = 1, max_length = 100)]
    country: String,
}

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
    let registration = parse(body)?;
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
        .map_err(failed(ApiError::RegistrationRejected))?;
    Ok(match answer {
        Answer::Pending(token) => pending(&token),
        Answer::Done(account) => {
            signed_up.id = account.0;
            (StatusCode::CREATED, Json(signed_up)).into_response()
        }
    })
}

/// Takes the fields; all that is wrong with them at once.
pub(crate) fn parse(JsonObject(members): JsonObject) -> Result<Registration, ApiError> {
    let mut fields = Fields::new(members, &OPEN);
    let sent_password = fields.peek("password1");
    let first_name = fields.text("first_name", NAME);
    let last_name = fields.text("last_name", NAME);
    let email = fields.email("email");
    let password = fields.text("password1", PASSWORD);
    fields.repeated("password2", sent_password.as_deref(), "Las contraseñas no coinciden");
    let city = fields.text("city", NAME);
    let country = fields.text("country", NAME);
    fields.finish()?;
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
        match parse(JsonObject(body.as_object().unwrap().clone())) {
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
    fn a_sound_one_is_taken_with_passwords_of_up_to_128_characters() {
        assert!(problems_with(&json!({})).is_empty());
        for length in [8, 128] {
            let password = "ñ".repeat(length);
            let both = json!({ "password1": password, "password2": password });
            assert!(problems_with(&both).is_empty(), "{length}");
        }
    }

    #[test]
    fn passwords_that_differ_are_a_problem_of_the_second() {
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
    fn no_problem_ever_shows_a_password() {
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
