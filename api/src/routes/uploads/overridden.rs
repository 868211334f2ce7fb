//! `POST /api/uploads/{id}`: another method, for clients behind proxies that pass `GET` and `POST` only.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::append::append;
use super::cancel::cancel;
use super::client::TusClient;
use super::show::show;
use super::{UploadPath, Uploads};
use crate::error::{ApiError, ErrorBody, RequestError};
use crate::extract::RequestContext;

/// What `X-HTTP-Method-Override` says: `PATCH`, `HEAD` or `DELETE`.
#[utoipa::path(
    post, path = "/api/uploads/{id}", tag = "uploads", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    params(
        ("id" = String, Path, description = "The upload"),
        ("X-HTTP-Method-Override" = String, Header, description = "`PATCH`, `HEAD` or `DELETE`"),
    ),
    responses(
        (status = 204, description = "As that method answers"),
        (status = 405, body = ErrorBody, description = "No such method"),
    ),
)]
pub(crate) async fn overridden(
    uploads: State<Uploads>,
    client: TusClient,
    context: RequestContext,
    path: UploadPath,
    request: Request,
) -> Result<Response, ApiError> {
    let method = request.headers().get("x-http-method-override").map(|value| value.as_bytes());
    match method {
        Some(b"PATCH") => append(uploads, client, context, path, request).await,
        Some(b"HEAD") => show(uploads, client, context, path).await,
        Some(b"DELETE") => Ok(cancel(uploads, client, path).await?.into_response()),
        _ => Err(RequestError::MethodNotAllowed.into()),
    }
}
