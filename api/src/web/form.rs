//! Forms: a field with its label, hint and error; and what stands above a form that has errors.

use maud::{Markup, html};

use super::error_page;
use super::messages::Messages;
use super::page_context::PageContext;
use crate::error::Problem;
use crate::extract::WebForm;

/// A form as it was sent, and what is wrong with it.
#[derive(Default)]
pub(super) struct FormState {
    pub(super) form: WebForm,
    /// Fields and what is wrong with them, in the order of the form.
    errors: Vec<(String, String)>,
}

/// A field of a form.
pub(super) struct Field<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) kind: &'static str,
    pub(super) autocomplete: &'static str,
    pub(super) hint: Option<&'a str>,
}

impl Field<'_> {
    /// For who must show that it is they.
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
    /// With problems as the API names them.
    pub(super) fn invalid(form: WebForm, ctx: &PageContext, problems: &[Problem]) -> Self {
        let mut form_state = Self { form, errors: Vec::new() };
        for problem in problems {
            let (field, text) = error_page::explain(ctx.messages(), problem);
            if form_state.error(&field).is_none() {
                form_state.errors.push((field, text));
            }
        }
        form_state
    }

    /// With one error, of a field.
    pub(super) fn with_error(form: WebForm, field: &str, text: &str) -> Self {
        Self { form, errors: vec![(field.to_owned(), text.to_owned())] }
    }

    fn error(&self, field: &str) -> Option<&str> {
        let found = self.errors.iter().find(|(name, _)| name == field);
        found.map(|(_, text)| text.as_str())
    }

    /// All errors, each leading to its field.
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

    /// The field with its label, hint and error.
    pub(super) fn field(&self, field: &Field<'_>) -> Markup {
        let Field { name, label, kind, autocomplete, hint } = *field;
        let value = if kind == "password" { "" } else { self.form.text(name) };
        html! {
            div.field {
                label for=(name) { (label) }
                (self.notes(name, hint))
                input #(name) name=(name) type=(kind) value=(value) autocomplete=(autocomplete) required
                    aria-describedby=[self.described(name, hint)]
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

    /// For `aria-describedby`.
    pub(super) fn described(&self, name: &str, hint: Option<&str>) -> Option<String> {
        let hint = hint.map(|_| format!("{name}-hint"));
        let error = self.error(name).map(|_| format!("{name}-error"));
        let ids: Vec<String> = hint.into_iter().chain(error).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

/// What a field is called, where it does not stand beside its label.
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
