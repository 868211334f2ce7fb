//! Errors in the words of the pages.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::{ALLOW, RETRY_AFTER, SET_COOKIE};
use maud::html;

use super::language::Language;
use super::layout::Page;
use super::session::Cookies;
use super::visit::Visit;
use super::words::Words;
use crate::error::{Code, Loc, Problem};

/// The field of a problem, and what is wrong with it.
pub(super) fn explain(words: &Words, problem: &Problem) -> (String, String) {
    let field = match problem.loc.get(1) {
        Some(Loc::Name(name)) => name.to_string(),
        _ => String::new(),
    };
    let limit = |name: &str| problem.ctx.as_ref().and_then(|ctx| ctx.get(name)?.as_u64());
    let text = match (problem.kind, field.as_str()) {
        ("missing", _) => words.field_missing.to_owned(),
        ("string_too_short", _) => match limit("min_length") {
            Some(1) | None => words.field_missing.to_owned(),
            Some(least) => format!("{} {least}", words.field_too_short),
        },
        ("string_too_long", _) => {
            format!("{} {}", words.field_too_long, limit("max_length").unwrap_or_default())
        }
        (_, "email") => words.field_email.to_owned(),
        (_, "password2") => words.passwords_differ.to_owned(),
        ("value_error", _) => words.field_control.to_owned(),
        _ => problem.msg.clone(),
    };
    (field, text)
}

/// A sentence for the code of an error, if there is a better one than its status has.
fn sentence(words: &Words, code: &str) -> Option<&'static str> {
    Some(match code {
        "operators_only" => words.operators_only,
        "already_voted" => words.already_voted,
        "not_votable" => words.not_available,
        "has_votes" => words.cannot_delete,
        "video_too_large" => words.too_large,
        "not_a_video" | "no_file" => words.not_a_video,
        _ => return None,
    })
}

/// What a status says by itself.
fn heading(words: &Words, status: StatusCode) -> (&'static str, Option<&'static str>) {
    match status {
        StatusCode::NOT_FOUND => (words.page_not_found, Some(words.page_not_found_hint)),
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => (words.forbidden, None),
        StatusCode::SERVICE_UNAVAILABLE => (words.unavailable, Some(words.unavailable_hint)),
        _ => (words.went_wrong, None),
    }
}

/// Around the routes of the pages: an error becomes a page.
pub(super) async fn as_pages(request: Request, next: Next) -> Response {
    let visit = visit(&request);
    let response = next.run(request).await;
    told(response, &visit)
}

/// An error as a page, for whoever sent the request.
pub(super) fn of_request(request: &Request, error: Response) -> Response {
    told(error, &visit(request))
}

fn told(response: Response, visit: &Visit) -> Response {
    match response.extensions().get::<Code>().copied() {
        Some(code) => page(&response, code, visit),
        None => response,
    }
}

/// A visit of which no more is known than its request.
fn visit(request: &Request) -> Visit {
    let headers = request.headers().clone();
    let here = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let cookies = Cookies::of(&headers);
    let language = Language::of(cookies.language.as_deref(), &headers);
    Visit { language, person: None, here, headers }
}

fn page(failed: &Response, Code(code): Code, visit: &Visit) -> Response {
    let words = visit.words();
    let (title, hint) = heading(words, failed.status());
    let title = sentence(words, code).unwrap_or(title);
    let mut response = Page::new(visit, title).status(failed.status()).show(&html! {
        div.notice {
            h1 { (title) }
            @if let Some(hint) = hint { p { (hint) } }
            p { a.button href="/" { (words.back_to_ranking) } }
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
    use crate::web::words::SPANISH;

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
