//! `GET /api/public/rankings/stream`

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::error::{ApiError, ErrorBody};
use crate::extract::QueryFields;
use crate::live::{Disconnect, Live};

const LAST_EVENT_ID: &str = "last-event-id";

/// What changes on a board, as it happens: Server-Sent Events.
///
/// The first event is `ready`, or `change` with what the client has missed, or `reset`: the client must
/// load its page again. Then a `change` follows each change of votes on the board, at most ten a second.
/// A client that cannot keep up is disconnected, and connects again.
#[utoipa::path(
    get, path = "/api/public/rankings/stream", tag = "public",
    params(
        ("city" = Option<String>, Query, max_length = 100, description = "In any case, with or without accents"),
        ("country" = Option<String>, Query, max_length = 100, description = "In any case, with or without accents"),
        ("last_event_id" = Option<String>, Query, description = "As the header, for a first request"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that came: what was missed is sent"),
    ),
    responses(
        (status = 200, body = crate::live::BoardChange, content_type = "text/event-stream", description = "The data of `change` events"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "Too many streams are open, or the boards are not loaded yet"),
    ),
)]
pub(crate) async fn stream(
    State(live): State<Live>,
    uri: Uri,
    headers: HeaderMap,
    disconnect: Option<Extension<Disconnect>>,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let board = query.board();
    let asked = query.take("last_event_id");
    query.finish()?;
    let last_id = match headers.get(LAST_EVENT_ID) {
        // Not a valid id: the stream starts with a reset.
        Some(value) => Some(value.to_str().unwrap_or("?").to_owned()),
        None => asked,
    };
    let disconnect = disconnect.map(|Extension(disconnect)| disconnect).unwrap_or_default();
    let subscription = live.subscribe(board, last_id.as_deref(), disconnect).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Without it nginx buffers the messages.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(subscription)).into_response())
}
