//! `DELETE /api/uploads/{id}`

use axum::extract::State;
use http::StatusCode;

use super::client::TusClient;
use super::{UploadPath, Uploads, upload_error};
use crate::error::{ApiError, ErrorBody, UploadError};

/// Cancels a resumable upload and removes its bytes. The video of a finished upload stays.
#[utoipa::path(
    delete, path = "/api/uploads/{id}", tag = "uploads", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
    ),
    responses(
        (status = 204, description = "Forgotten"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 410, body = ErrorBody, description = "The upload has expired"),
        (status = 412, body = ErrorBody, description = "Another version of the protocol"),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn cancel(
    State(uploads): State<Uploads>,
    client: TusClient,
    path: UploadPath,
) -> Result<StatusCode, ApiError> {
    let id = path.or(UploadError::Unknown)?;
    uploads.commands.cancel_upload(client.account, id).await.map_err(upload_error)?;
    Ok(StatusCode::NO_CONTENT)
}
