//! Errors in the words of the pages.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::{ALLOW, RETRY_AFTER, SET_COOKIE};
use maud::html;

use super::language::Language;
use super::layout::Page;
use super::messages::Messages;
use super::page_context::PageContext;
use crate::error::{Code, Loc, Problem};
use crate::extract::Cookies;

/// The field of a problem, and what is wrong with it.
pub(super) fn explain(messages: &Messages, problem: &Problem) -> (String, String) {
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

/// A sentence for the code of an error, if there is a better one than its status has.
fn sentence(messages: &Messages, code: &str) -> Option<&'static str> {
    Some(match code {
        "operators_only" => messages.operators_only,
        "already_voted" => messages.already_voted,
        "not_votable" => messages.not_available,
        "has_votes" => messages.cannot_delete,
        "video_too_large" => messages.too_large,
        "not_a_video" | "no_file" => messages.not_a_video,
        _ => return None,
    })
}

/// What a status says by itself.
fn heading(messages: &Messages, status: StatusCode) -> (&'static str, Option<&'static str>) {
    match status {
        StatusCode::NOT_FOUND => (messages.page_not_found, Some(messages.page_not_found_hint)),
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => (messages.forbidden, None),
        StatusCode::SERVICE_UNAVAILABLE => (messages.unavailable, Some(messages.unavailable_hint)),
        _ => (messages.went_wrong, None),
    }
}

/// Around the routes of the pages: an error becomes a page.
pub(super) async fn render_errors(request: Request, next: Next) -> Response {
    let ctx = context_of(&request);
    let response = next.run(request).await;
    render_error(response, &ctx)
}

/// An error as a page, for whoever sent the request.
pub(super) fn for_request(request: &Request, error: Response) -> Response {
    render_error(error, &context_of(request))
}

fn render_error(response: Response, ctx: &PageContext) -> Response {
    match response.extensions().get::<Code>().copied() {
        Some(code) => page(&response, code, ctx),
        None => response,
    }
}

/// A visit of which no more is known than its request.
fn context_of(request: &Request) -> PageContext {
    let headers = request.headers().clone();
    let path_and_query =
        request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let cookies = Cookies::of(&headers);
    let language = Language::of(cookies.language.as_deref(), &headers);
    PageContext { language, account: None, path_and_query, headers }
}

fn page(failed: &Response, Code(code): Code, ctx: &PageContext) -> Response {
    let messages = ctx.messages();
    let (title, hint) = heading(messages, failed.status());
    let title = sentence(messages, code).unwrap_or(title);
    let mut response = Page::new(ctx, title).status(failed.status()).render(&html! {
        div.notice {
            h1 { (title) }
            @if let Some(hint) = hint { p { (hint) } }
            p { a.button href="/" { (messages.back_to_ranking) } }
        }
    });
    for name in [ALLOW, RETRY_AFTER, SET_COOKIE] {
        if let Some(value) = failed.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response.extensions_mut().insert(Code(code));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Place;
    use crate::web::messages::SPANISH;

    #[test]
    fn a_problem_is_explained_beside_its_field() {
        let short = |min| explain(&SPANISH, &Problem::too_short(Place::Body, "password1", min));
        assert_eq!(short(8), ("password1".to_owned(), "Mínimo de caracteres: 8".to_owned()));
        assert_eq!(short(1).1, SPANISH.field_missing);
        let differ = Problem::value(Place::Body, "password2", "x");
        assert_eq!(explain(&SPANISH, &differ).1, "Las contraseñas no coinciden");
        let email = Problem::bad_email("email", "no @");
        assert_eq!(explain(&SPANISH, &email).1, SPANISH.field_email);
    }
}
