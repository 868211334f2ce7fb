//! Takes the members of a JSON object one by one, and gathers what is wrong with all of them.

use serde_json::{Map, Value};

use crate::error::{ApiError, Place, Problem};
use crate::text::{self, TextRule};

/// The members still to be taken, and the problems so far.
pub(crate) struct Fields {
    members: Map<String, Value>,
    echo: Value,
    problems: Vec<Problem>,
}

impl Fields {
    /// `open` names the members that hold no secret: a `missing` problem echoes them, as pydantic
    /// echoes the whole object. Members that nobody knows may be misspelt passwords.
    pub(crate) fn new(members: Map<String, Value>, open: &[&str]) -> Self {
        let echo = members
            .iter()
            .filter(|(name, _)| open.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Self { members, echo: Value::Object(echo), problems: Vec::new() }
    }

    /// A required text. After a problem the result is meaningless, and [`Fields::finish`] says so.
    pub(crate) fn text(&mut self, field: &'static str, rule: TextRule) -> String {
        let Some(text) = self.string(field, rule.is_secret()) else { return String::new() };
        self.keep(rule.check(Place::Body, field, &text))
    }

    /// A required email address.
    pub(crate) fn email(&mut self, field: &'static str) -> String {
        let Some(text) = self.string(field, false) else { return String::new() };
        self.keep(text::email(field, &text))
    }

    /// A required text that repeats `original`, or else is a problem described by `what`.
    pub(crate) fn repeated(&mut self, field: &'static str, original: Option<&str>, what: &str) {
        let Some(text) = self.string(field, true) else { return };
        if original.is_some_and(|original| original != text) {
            self.problems.push(Problem::value(Place::Body, field, what));
        }
    }

    /// A member as it was sent, if it is a text.
    pub(crate) fn peek(&self, field: &str) -> Option<String> {
        self.members.get(field)?.as_str().map(str::to_owned)
    }

    fn string(&mut self, field: &'static str, secret: bool) -> Option<String> {
        let problem = match self.members.remove(field) {
            Some(Value::String(text)) => return Some(text),
            Some(other) => {
                Problem::not_a_string(Place::Body, field).with_input((!secret).then_some(other))
            }
            None => Problem::missing(Place::Body, field).with_input(Some(self.echo.clone())),
        };
        self.problems.push(problem);
        None
    }

    fn keep(&mut self, checked: Result<String, Problem>) -> String {
        checked.unwrap_or_else(|problem| {
            self.problems.push(problem);
            String::new()
        })
    }

    /// # Errors
    /// All problems, in the order in which the members were taken.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::Validation(self.problems)) }
    }
}
