//! Errors as pages.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::{ALLOW, RETRY_AFTER, SET_COOKIE};
use maud::html;

use super::layout::Page;
use super::messages::Messages;
use super::page_context::PageContext;
use crate::error::Code;
use crate::extract::Cookies;

/// The title for an error code, if it says more than the title for its status.
fn title_of_code(messages: &Messages, code: &str) -> Option<&'static str> {
    Some(match code {
        "operators_only" => messages.operators_only,
        "already_voted" => messages.already_voted,
        "not_votable" => messages.not_votable,
        "has_votes" => messages.cannot_delete,
        "video_too_large" => messages.file_too_large,
        "not_a_video" | "no_file" => messages.not_a_video,
        _ => return None,
    })
}

/// The title and the hint for a status.
fn title_and_hint(messages: &Messages, status: StatusCode) -> (&'static str, Option<&'static str>) {
    match status {
        StatusCode::NOT_FOUND => (messages.page_not_found, Some(messages.page_not_found_hint)),
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => (messages.forbidden, None),
        StatusCode::SERVICE_UNAVAILABLE => (messages.unavailable, Some(messages.unavailable_hint)),
        _ => (messages.internal_error, None),
    }
}

/// Middleware around the routes of the pages: renders errors as pages.
pub(super) async fn render_errors(request: Request, next: Next) -> Response {
    let ctx = context_of(&request);
    let response = next.run(request).await;
    render_error(response, &ctx)
}

/// Renders an error as the answer to `request`.
pub(super) fn for_request(request: &Request, error: Response) -> Response {
    render_error(error, &context_of(request))
}

fn render_error(response: Response, ctx: &PageContext) -> Response {
    match response.extensions().get::<Code>().copied() {
        Some(code) => page(&response, code, ctx),
        None => response,
    }
}

/// The context of a request without its session: an error page must not need the database.
fn context_of(request: &Request) -> PageContext {
    let headers = request.headers();
    PageContext::new(request.uri(), headers, &Cookies::of(headers), None)
}

fn page(failed: &Response, Code(code): Code, ctx: &PageContext) -> Response {
    let messages = ctx.messages();
    let (title, hint) = title_and_hint(messages, failed.status());
    let title = title_of_code(messages, code).unwrap_or(title);
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
