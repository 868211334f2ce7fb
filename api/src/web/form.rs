//! Forms: fields with label, hint and error, and the error summary above a form.

use maud::{Markup, html};

use super::messages::Messages;
use super::page_context::PageContext;
use crate::error::{Loc, Problem};
use crate::extract::WebForm;

/// The values and errors that a form shows.
#[derive(Default)]
pub(super) struct FormState {
    form: WebForm,
    /// Field names and what is wrong with each, in the order of the form.
    errors: Vec<(String, String)>,
}

/// An input with its label.
pub(super) struct Field<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) kind: &'static str,
    pub(super) autocomplete: &'static str,
    pub(super) hint: Option<&'a str>,
}

impl Field<'_> {
    pub(super) fn current_password(messages: &Messages) -> Self {
        Self {
            name: "password",
            label: messages.password,
            kind: "password",
            autocomplete: "current-password",
            hint: None,
        }
    }
}

impl FormState {
    /// A form with the validation problems of the API.
    pub(super) fn invalid(form: WebForm, ctx: &PageContext, problems: &[Problem]) -> Self {
        let mut form_state = Self { form, errors: Vec::new() };
        for problem in problems {
            let (field, text) = describe(ctx.messages(), problem);
            if form_state.error(&field).is_none() {
                form_state.errors.push((field, text));
            }
        }
        form_state
    }

    /// A form with one error.
    pub(super) fn with_error(form: WebForm, field: &str, text: &str) -> Self {
        Self { form, errors: vec![(field.to_owned(), text.to_owned())] }
    }

    fn error(&self, field: &str) -> Option<&str> {
        let found = self.errors.iter().find(|(name, _)| name == field);
        found.map(|(_, text)| text.as_str())
    }

    /// All errors, with links to their fields.
    pub(super) fn summary(&self, messages: &Messages) -> Markup {
        html! {
            @if !self.errors.is_empty() {
                section.problem role="alert" aria-labelledby="problem" {
                    h2 #problem { (messages.problem) }
                    ul {
                        @for (field, text) in &self.errors {
                            li { a href={ "#" (field) } { (label(messages, field)) ": " (text) } }
                        }
                    }
                }
            }
        }
    }

    /// The field with its label, hint and error. A password is never sent back.
    pub(super) fn field(&self, field: &Field<'_>) -> Markup {
        let Field { name, label, kind, autocomplete, hint } = *field;
        let value = if kind == "password" { "" } else { self.form.text(name) };
        html! {
            div.field {
                label for=(name) { (label) }
                (self.notes(name, hint))
                input #(name) name=(name) type=(kind) value=(value) autocomplete=(autocomplete) required
                    aria-describedby=[self.described_by(name, hint)]
                    aria-invalid=[self.error(name).map(|_| "true")];
            }
        }
    }

    /// The hint and the error of a field.
    pub(super) fn notes(&self, name: &str, hint: Option<&str>) -> Markup {
        html! {
            @if let Some(hint) = hint { p.hint id={ (name) "-hint" } { (hint) } }
            @if let Some(error) = self.error(name) {
                p.error id={ (name) "-error" } { (error) }
            }
        }
    }

    /// The ids of the notes of a field, for `aria-describedby`.
    pub(super) fn described_by(&self, name: &str, hint: Option<&str>) -> Option<String> {
        let hint = hint.map(|_| format!("{name}-hint"));
        let error = self.error(name).map(|_| format!("{name}-error"));
        let ids: Vec<String> = hint.into_iter().chain(error).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

/// The field of a problem, and what is wrong with it.
fn describe(messages: &Messages, problem: &Problem) -> (String, String) {
    let field = match problem.loc.get(1) {
        Some(Loc::Name(name)) => name.to_string(),
        _ => String::new(),
    };
    let limit = |name: &str| problem.ctx.as_ref().and_then(|ctx| ctx.get(name)?.as_u64());
    let text = match (problem.kind, field.as_str()) {
        ("missing", _) => messages.field_missing.to_owned(),
        ("string_too_short", _) => match limit("min_length") {
            Some(1) | None => messages.field_missing.to_owned(),
            Some(least) => format!("{} {least}", messages.field_too_short),
        },
        ("string_too_long", _) => {
            format!("{} {}", messages.field_too_long, limit("max_length").unwrap_or_default())
        }
        (_, "email") => messages.field_email.to_owned(),
        (_, "password2") => messages.passwords_differ.to_owned(),
        ("value_error", _) => messages.field_control.to_owned(),
        _ => problem.msg.clone(),
    };
    (field, text)
}

/// The label of a field, for the summary.
fn label<'a>(messages: &'a Messages, field: &'a str) -> &'a str {
    match field {
        "first_name" => messages.first_name,
        "last_name" => messages.last_name,
        "email" => messages.email,
        "password" | "password1" => messages.password,
        "password2" => messages.password_again,
        "city" => messages.city,
        "country" => messages.country,
        "title" => messages.title,
        "description" => messages.description,
        "file" => messages.file,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RequestPart;
    use crate::web::messages::SPANISH;

    #[test]
    fn a_problem_is_described_beside_its_field() {
        let short =
            |min| describe(&SPANISH, &Problem::too_short(RequestPart::Body, "password1", min));
        assert_eq!(short(8), ("password1".to_owned(), "Mínimo de caracteres: 8".to_owned()));
        assert_eq!(short(1).1, SPANISH.field_missing);
        let differ = Problem::value(RequestPart::Body, "password2", "x");
        assert_eq!(describe(&SPANISH, &differ).1, "Las contraseñas no coinciden");
        let email = Problem::bad_email("email", "no @");
        assert_eq!(describe(&SPANISH, &email).1, SPANISH.field_email);
    }
}
