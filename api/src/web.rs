//! The web pages of the contest.
//!
//! HTML that works without scripts; styles and scripts are compiled into the binary. Pages use the same
//! queries and commands as the routes of the API, and never call the API itself. See ADR 0019.

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
mod redirect;
mod same_origin;
mod session;
mod sign_in;
mod sign_up;
mod upload;
mod video;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, head, post};
use http::header::ACCEPT;
use projections::ErasureEpoch;
use projections::queries::Queries;

use board_cache::BoardCache;

use crate::authenticator::Authenticator;
use crate::error::{ApiError, RequestError};
use crate::live::Live;
use crate::media_urls::MediaUrls;
use crate::routes::uploads;
use crate::state::ApiState;

/// The state of pages that show boards: parts of the API's state, and the cache of these pages.
#[derive(Clone, FromRef)]
struct BoardPages {
    queries: Queries,
    live: Live,
    urls: MediaUrls,
    authenticator: Arc<Authenticator>,
    cache: Arc<BoardCache>,
}

/// The routes of the pages.
pub(crate) fn routes(state: &ApiState, erasures: ErasureEpoch) -> Router<ApiState> {
    let board_pages = BoardPages {
        queries: FromRef::from_ref(state),
        live: FromRef::from_ref(state),
        urls: FromRef::from_ref(state),
        authenticator: FromRef::from_ref(state),
        cache: Arc::new(BoardCache::new(erasures)),
    };
    Router::new()
        .route("/", get(ranking::page).with_state(board_pages.clone()))
        .route("/videos", get(gallery::page).with_state(board_pages))
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

/// Resumable uploads by the script of the upload page, which the session cookie authenticates. Errors
/// stay JSON, because the script reads them.
fn resumable_uploads() -> Router<ApiState> {
    let one = head(uploads::show::show)
        .patch(uploads::append::append)
        .delete(uploads::cancel::cancel)
        .post(uploads::overridden::overridden);
    Router::new()
        .route("/me/uploads", post(uploads::create::create))
        .route("/me/uploads/{id}", one)
        .layer(from_fn(same_origin::require))
}

/// The answer to an unknown route: a page if the client accepts HTML, else JSON.
pub(crate) async fn unknown(request: Request) -> Response {
    let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let error = ApiError::from(RequestError::RouteUnknown).into_response();
    if accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        error_page::for_request(&request, error)
    } else {
        error
    }
}
