//! The pages: the contest in a browser.
//!
//! HTML that works without scripts, styles and small modules from this binary. Pages ask the same
//! queries and commands as the routes of the API, never the API itself. See ADR 0019.

mod account;
mod assets;
mod board_cache;
mod board_filter;
mod chart;
mod error_page;
mod form;
mod gallery;
mod language;
mod layout;
mod messages;
mod my_videos;
mod operations;
mod page_context;
mod paging;
mod ranking;
mod same_origin;
mod session;
mod sign_in;
mod sign_up;
mod upload;
mod video;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, head, post};
use http::header::ACCEPT;

pub(crate) use board_cache::BoardCache;
pub(crate) use page_context::signed_in;

use crate::app::{AppState, Shared};
use crate::error::ApiError;
use crate::routes::uploads;

/// The routes of the pages.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(ranking::page))
        .route("/videos", get(gallery::page))
        .route("/videos/{id}", get(video::page))
        .route("/videos/{id}/poster", get(video::poster))
        .route("/videos/{id}/vote", post(video::vote))
        .route("/sign-up", get(sign_up::form).post(sign_up::submit))
        .route("/sign-in", get(sign_in::form).post(sign_in::submit))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/language", post(sign_in::set_language))
        .route("/me/videos", get(my_videos::list))
        .route("/me/videos/{id}/delete", get(my_videos::confirm_delete).post(my_videos::delete))
        .route("/me/upload", get(upload::form).post(upload::submit))
        .route("/operations", get(operations::page))
        .route("/me/account", get(account::form).post(account::erase))
        .layer(from_fn(same_origin::require))
        .layer(from_fn(error_page::render_errors))
        .merge(resumable_uploads())
        .route("/assets/{file}", get(assets::asset))
}

/// Resumable uploads of our own page, whose script cannot read the session. Their errors are for it,
/// so they are no pages.
fn resumable_uploads() -> Router<Shared> {
    let one = head(uploads::show::show)
        .patch(uploads::append::append)
        .delete(uploads::cancel::cancel)
        .post(uploads::overridden::overridden);
    Router::new()
        .route("/me/uploads", post(uploads::create::create))
        .route("/me/uploads/{id}", one)
        .layer(from_fn(same_origin::require))
}

/// Whatever has no route: a page for who asks for one, and JSON for programs.
pub(crate) async fn unknown(request: Request) -> Response {
    let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let error = ApiError::RouteUnknown.into_response();
    if accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        error_page::for_request(&request, error)
    } else {
        error
    }
}

impl AppState {
    /// Whether browsers reach us by HTTPS, so that cookies may insist on it.
    fn secure(&self) -> bool {
        self.app.settings.public_url.starts_with("https:")
    }
}
