//! `HEAD /api/uploads/{id}`

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode};

use super::client::TusClient;
use super::{UploadPath, Uploads, upload_error, upload_response};
use crate::error::{ApiError, UploadError};
use crate::extract::RequestContext;
use crate::tus::headers;

/// How much of a resumable upload has come.
#[utoipa::path(
    head, path = "/api/uploads/{id}", tag = "uploads", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
    ),
    responses(
        (status = 200, description = "How it stands", headers(
            ("Upload-Offset" = u64, description = "Bytes that have come"),
            ("Upload-Length" = u64, description = "Bytes of the whole file"),
            ("Upload-Metadata" = String, description = "As it was sent"),
            ("Upload-Expires" = String, description = "When the upload is forgotten"),
            ("X-Video-Id" = String, description = "The video, once all has come"),
        )),
        (status = 401, description = "The token is wrong"),
        (status = 403, description = "There is no token"),
        (status = 404, description = "No upload of this person"),
        (status = 410, description = "The upload has expired"),
        (status = 412, description = "Another version of the protocol"),
        (status = 503, description = "Unavailable; the client may retry"),
    ),
)]
pub(crate) async fn show(
    State(uploads): State<Uploads>,
    client: TusClient,
    RequestContext(context): RequestContext,
    path: UploadPath,
) -> Result<Response, ApiError> {
    let id = path.or(UploadError::Unknown)?;
    let upload = uploads.commands.resume_upload(&context, client.account, id).await;
    let upload = upload.map_err(upload_error)?;
    let mut response = upload_response(StatusCode::OK, &upload);
    let headers = response.headers_mut();
    headers.insert(headers::LENGTH, upload.length.into());
    if let Ok(metadata) = HeaderValue::try_from(upload.metadata) {
        headers.insert(headers::METADATA, metadata);
    }
    Ok(response)
}
