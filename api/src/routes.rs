//! The endpoints of the API, one per file.

pub(crate) mod auth;
pub(crate) mod command_response;
mod commands;
pub(crate) mod docs;
mod health;
pub(crate) mod me;
pub(crate) mod media;
mod metrics;
pub(crate) mod public;
mod rankings;
mod ready;
pub(crate) mod uploads;
pub(crate) mod videos;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::openapi;
use crate::state::ApiState;

/// All routes except those of the documentation, with the document that describes them.
pub(crate) fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(auth::signup::signup))
        .routes(routes!(auth::login::login))
        .routes(routes!(me::erase::erase))
        .routes(routes!(videos::upload::upload))
        .routes(routes!(uploads::create::create))
        .routes(routes!(
            uploads::show::show,
            uploads::append::append,
            uploads::cancel::cancel,
            uploads::overridden::overridden
        ))
        .routes(routes!(videos::list::list))
        .routes(routes!(videos::show::show, videos::delete::delete))
        .routes(routes!(public::videos::videos))
        .routes(routes!(public::hls::hls))
        .routes(routes!(public::vote::vote))
        .routes(routes!(public::rankings::board::rankings))
        .routes(routes!(public::rankings::boards::boards))
        .routes(routes!(public::rankings::artist::artist))
        .routes(routes!(public::rankings::around::around))
        .routes(routes!(public::rankings::stream::stream))
        .routes(routes!(rankings::me::me))
        .routes(routes!(commands::status::status))
        .routes(routes!(health::health))
        .routes(routes!(ready::ready))
        .routes(routes!(metrics::metrics))
        .route("/media/{*key}", axum::routing::get(media::media))
}
