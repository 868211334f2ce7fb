//! The members of a JSON body. One list of them both reads the body and describes it in the OpenAPI
//! document.

use serde_json::{Map, Value};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{Object, RefOr};

use super::body::JsonObject;
use crate::error::{ApiError, Problem, RequestPart};
use crate::text::{self, TextRule};

/// A required member that holds a text.
pub(crate) struct Member {
    name: &'static str,
    rule: Rule,
    description: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Rule {
    Text(TextRule),
    Email,
    /// A secret that must be the same as the member `of`, as it was sent.
    Repeat {
        of: &'static str,
        problem: &'static str,
    },
}

impl Member {
    /// A text.
    pub(crate) const fn text(name: &'static str, rule: TextRule) -> Self {
        Self { name, rule: Rule::Text(rule), description: None }
    }

    /// An email address.
    pub(crate) const fn email(name: &'static str) -> Self {
        Self { name, rule: Rule::Email, description: None }
    }

    /// A secret that repeats the member `of`; otherwise `problem` says so.
    pub(crate) const fn repeat(
        name: &'static str,
        of: &'static str,
        problem: &'static str,
        description: &'static str,
    ) -> Self {
        Self { name, rule: Rule::Repeat { of, problem }, description: Some(description) }
    }

    fn is_secret(&self) -> bool {
        match self.rule {
            Rule::Text(rule) => rule.is_secret(),
            Rule::Email => false,
            Rule::Repeat { .. } => true,
        }
    }

    fn read(&self, body: &Map<String, Value>, public: &Value) -> Result<String, Problem> {
        let text = match body.get(self.name) {
            Some(Value::String(text)) => text,
            Some(other) => {
                let input = (!self.is_secret()).then(|| other.clone());
                return Err(Problem::not_a_string(RequestPart::Body, self.name).with_input(input));
            }
            None => {
                let problem = Problem::missing(RequestPart::Body, self.name);
                return Err(problem.with_input(Some(public.clone())));
            }
        };
        match self.rule {
            Rule::Text(rule) => rule.check(RequestPart::Body, self.name, text),
            Rule::Email => text::email(self.name, text),
            Rule::Repeat { of, problem } => match body.get(of) {
                Some(Value::String(original)) if original != text => {
                    Err(Problem::value(RequestPart::Body, self.name, problem))
                }
                _ => Ok(text.clone()),
            },
        }
    }

    fn schema(&self) -> Object {
        let text = ObjectBuilder::new().schema_type(Type::String).description(self.description);
        let format = |known| Some(SchemaFormat::KnownFormat(known));
        match self.rule {
            Rule::Text(rule) => {
                let (min, max) = rule.bounds();
                let text = text.min_length(min).max_length(max);
                if rule.is_secret() { text.format(format(KnownFormat::Password)) } else { text }
            }
            Rule::Email => text.format(format(KnownFormat::Email)),
            Rule::Repeat { .. } => text.format(format(KnownFormat::Password)),
        }
        .build()
    }
}

impl JsonObject {
    /// The texts of `members`, in their order.
    ///
    /// A problem of a missing member echoes the body, as pydantic does, but only the known members that
    /// hold no secret: an unknown member may be a misspelt password.
    ///
    /// # Errors
    /// All problems, in the order of `members`.
    pub(crate) fn texts<const N: usize>(
        &self,
        members: &[Member; N],
    ) -> Result<[String; N], ApiError> {
        let Self(body) = self;
        let is_public =
            |name: &str| members.iter().any(|member| member.name == name && !member.is_secret());
        let public = body.iter().filter(|(name, _)| is_public(name));
        let public = public.map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut problems = Vec::new();
        let texts = members.each_ref().map(|member| {
            let read = member.read(body, &public);
            read.map_err(|problem| problems.push(problem)).unwrap_or_default()
        });
        if problems.is_empty() { Ok(texts) } else { Err(ApiError::Validation(problems)) }
    }
}

/// The schema of a body with these members.
pub(crate) fn schema_of(description: &str, members: &[Member]) -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(description));
    let object = members.iter().fold(object, |object, member| {
        object.property(member.name, member.schema()).required(member.name)
    });
    RefOr::T(Schema::Object(object.build()))
}
