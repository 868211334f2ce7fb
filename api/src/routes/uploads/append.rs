//! `PATCH /api/uploads/{id}`

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use commands::{CommandContext, Piece, ResumableUpload, UploadId};
use domain::AccountId;
use futures_util::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use super::client::TusClient;
use super::{UploadPath, Uploads, upload_error, upload_response};
use crate::error::{ApiError, ErrorBody, UploadError};
use crate::extract::RequestContext;
use crate::routes::videos::upload_body::{Monitor, UploadBody};
use crate::state::Shutdown;
use crate::tus::headers;

/// How long a piece may still arrive after a shutdown was requested: far less than the server waits for
/// its requests.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Appends to a resumable upload. The received bytes of an interrupted body are kept. With the last
/// byte the video is submitted to the contest.
#[utoipa::path(
    patch, path = "/api/uploads/{id}", tag = "uploads", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    params(
        ("id" = String, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where the body begins: where the upload ends"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256`, and the \
            digest of this body in Base64"),
    ),
    responses(
        (status = 204, description = "Taken", headers(
            ("Upload-Offset" = u64, description = "Bytes that have come"),
            ("Upload-Expires" = String, description = "When the upload is forgotten"),
            ("X-Video-Id" = String, description = "The video, once all has come"),
        )),
        (status = 400, body = ErrorBody, description = "A header is missing or wrong, or no video"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 408, body = ErrorBody, description = "The body came too slowly"),
        (status = 409, body = ErrorBody, description = "The upload ends elsewhere"),
        (status = 410, body = ErrorBody, description = "The upload has expired"),
        (status = 412, body = ErrorBody, description = "Another version of the protocol"),
        (status = 413, body = ErrorBody, description = "Longer than what is to come"),
        (status = 415, body = ErrorBody, description = "Another content type"),
        (status = 460, body = ErrorBody, description = "The body is not what its checksum says"),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn append(
    State(uploads): State<Uploads>,
    client: TusClient,
    RequestContext(context): RequestContext,
    path: UploadPath,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    if headers::text(&parts.headers, &CONTENT_TYPE) != headers::PIECE {
        return Err(UploadError::NotAPiece.into());
    }
    let offset = headers::bytes(&parts.headers, &headers::OFFSET, "Upload-Offset")?;
    let id = path.or(UploadError::Unknown)?;
    let upload = uploads.append(context, client.account, id, offset, &parts.headers, body).await?;
    Ok(upload_response(StatusCode::NO_CONTENT, &upload))
}

impl Uploads {
    /// Appends the body at `offset`, within the bounds of all uploads. A shutdown cuts the body off;
    /// the store keeps the bytes that have arrived.
    pub(super) async fn append(
        &self,
        context: CommandContext,
        account: AccountId,
        id: UploadId,
        offset: u64,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<ResumableUpload, ApiError> {
        let declared = headers::bytes(headers, &CONTENT_LENGTH, "Content-Length").ok();
        let checksum = headers::checksum(headers)?;
        let monitor = Monitor::default();
        let used = monitor.clone();
        // Unbounded here: the command knows how many bytes the upload lacks.
        let body = UploadBody::new(body, u64::MAX, monitor.clone())
            .inspect(move |_| used.progress())
            .take_until(grace_after(self.shutdown.clone()))
            .boxed();
        let piece = Piece { offset, declared, checksum, body };
        let appended = self.commands.append_to_upload(context, account, id, piece).await;
        let appended = appended.map_err(upload_error)?;
        if appended.interrupted && !appended.upload.is_whole() {
            return Err(monitor.error());
        }
        Ok(appended.upload)
    }
}

/// Ends [`SHUTDOWN_GRACE`] after a shutdown was requested.
async fn grace_after(Shutdown(requested): Shutdown) {
    requested.cancelled().await;
    tokio::time::sleep(SHUTDOWN_GRACE).await;
}
