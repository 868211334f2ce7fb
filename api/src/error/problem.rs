//! One problem of a request, in the texts and the shape of pydantic 2, which the clients of the contest
//! know: <https://docs.pydantic.dev/latest/errors/validation_errors/>.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "string_too_short")]
    pub(crate) kind: &'static str,
    /// Where: `body`, `query` or `header`, then the member's name.
    pub(crate) loc: Vec<Loc>,
    /// In words.
    #[schema(example = "String should have at least 8 characters")]
    pub(crate) msg: String,
    /// What was sent; never a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) input: Option<Value>,
    /// The numbers in `msg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) ctx: Option<Box<Value>>,
}

/// A step of the path to the problem.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Loc {
    Name(Cow<'static, str>),
    Index(usize),
}

/// The part of the request that a problem lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestPart {
    Body,
    Query,
    Header,
}

impl RequestPart {
    fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

impl Problem {
    fn new(
        kind: &'static str,
        part: RequestPart,
        field: &'static str,
        msg: impl Into<String>,
    ) -> Self {
        let loc = vec![Loc::Name(part.name().into()), Loc::Name(field.into())];
        Self { kind, loc, msg: msg.into(), input: None, ctx: None }
    }

    fn whole_body(kind: &'static str, msg: &str) -> Self {
        let loc = vec![Loc::Name("body".into())];
        Self { kind, loc, msg: msg.to_owned(), input: None, ctx: None }
    }

    /// Adds what was sent; `None` for secrets.
    #[must_use]
    pub(crate) fn with_input(mut self, input: Option<Value>) -> Self {
        self.input = input;
        self
    }

    fn with_ctx(mut self, ctx: Value) -> Self {
        self.ctx = Some(Box::new(ctx));
        self
    }

    pub(crate) fn missing(part: RequestPart, field: &'static str) -> Self {
        Self::new("missing", part, field, "Field required")
    }

    pub(crate) fn body_missing() -> Self {
        Self::whole_body("missing", "Field required").with_input(Some(Value::Null))
    }

    /// `at` counts characters from the start of the body.
    pub(crate) fn json_invalid(at: usize, error: &str) -> Self {
        let mut problem = Self::whole_body("json_invalid", "JSON decode error")
            .with_input(Some(json!({})))
            .with_ctx(json!({ "error": error }));
        problem.loc.push(Loc::Index(at));
        problem
    }

    pub(crate) fn not_an_object() -> Self {
        const MSG: &str = "Input should be a valid dictionary or object to extract fields from";
        Self::whole_body("model_attributes_type", MSG)
    }

    pub(crate) fn not_a_string(part: RequestPart, field: &'static str) -> Self {
        Self::new("string_type", part, field, "Input should be a valid string")
    }

    pub(crate) fn too_short(part: RequestPart, field: &'static str, min: usize) -> Self {
        let msg = format!("String should have at least {min} {}", characters(min));
        Self::new("string_too_short", part, field, msg).with_ctx(json!({ "min_length": min }))
    }

    pub(crate) fn too_long(part: RequestPart, field: &'static str, max: usize) -> Self {
        let msg = format!("String should have at most {max} {}", characters(max));
        Self::new("string_too_long", part, field, msg).with_ctx(json!({ "max_length": max }))
    }

    /// A rule that `what` states.
    pub(crate) fn value(part: RequestPart, field: &'static str, what: &str) -> Self {
        Self::new("value_error", part, field, format!("Value error, {what}"))
            .with_ctx(json!({ "error": {} }))
    }

    pub(crate) fn bad_email(field: &'static str, reason: &str) -> Self {
        let msg = format!("value is not a valid email address: {reason}");
        Self::new("value_error", RequestPart::Body, field, msg)
            .with_ctx(json!({ "reason": reason }))
    }

    pub(crate) fn not_an_integer(field: &'static str) -> Self {
        const MSG: &str = "Input should be a valid integer, unable to parse string as an integer";
        Self::new("int_parsing", RequestPart::Query, field, MSG)
    }

    pub(crate) fn too_small(field: &'static str, min: u64) -> Self {
        let msg = format!("Input should be greater than or equal to {min}");
        Self::new("greater_than_equal", RequestPart::Query, field, msg)
            .with_ctx(json!({ "ge": min }))
    }

    pub(crate) fn too_big(field: &'static str, max: u64) -> Self {
        let msg = format!("Input should be less than or equal to {max}");
        Self::new("less_than_equal", RequestPart::Query, field, msg).with_ctx(json!({ "le": max }))
    }

    /// `expected` as pydantic writes it: `'a' or 'b'`.
    pub(crate) fn not_one_of(field: &'static str, expected: &str) -> Self {
        let msg = format!("Input should be {expected}");
        Self::new("literal_error", RequestPart::Query, field, msg)
            .with_ctx(json!({ "expected": expected }))
    }
}

fn characters(count: usize) -> &'static str {
    if count == 1 { "character" } else { "characters" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_shape_of_pydantic() {
        let problem = Problem::too_short(RequestPart::Body, "password1", 8);
        assert_eq!(
            serde_json::to_value(problem).unwrap(),
            json!({
                "type": "string_too_short",
                "loc": ["body", "password1"],
                "msg": "String should have at least 8 characters",
                "ctx": { "min_length": 8 },
            })
        );
        let problem = Problem::json_invalid(7, "Expecting value");
        assert_eq!(
            serde_json::to_value(problem).unwrap(),
            json!({
                "type": "json_invalid",
                "loc": ["body", 7],
                "msg": "JSON decode error",
                "input": {},
                "ctx": { "error": "Expecting value" },
            })
        );
        assert!(Problem::too_short(RequestPart::Body, "city", 1).msg.ends_with("1 character"));
    }
}
