//! `POST /api/uploads`

use axum::extract::{Request, State};
use axum::response::Response;
use commands::{CommandContext, NewUpload, ResumableUpload};
use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use tracing::Instrument;

use super::client::TusClient;
use super::metadata::Metadata;
use super::{Uploads, upload_error, upload_response};
use crate::error::{ApiError, ErrorBody, UploadError, VideoError};
use crate::extract::RequestContext;
use crate::state::MaxVideoSize;
use crate::tus::headers;

/// Begins a resumable upload; the body may bring the first bytes already. `OPTIONS` says what else
/// the server can.
#[utoipa::path(
    post, path = "/api/uploads", tag = "uploads", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "Bytes of the whole file"),
        ("Upload-Metadata" = String, Header, description = "`title`, and if wanted `description` \
            and `filetype`, each followed by its value in Base64, joined by commas"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256`, and the \
            digest of this body in Base64"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 201, description = "Begun", headers(
            ("Location" = String, description = "Where the upload is"),
            ("Upload-Offset" = u64, description = "Bytes that have come"),
            ("Upload-Expires" = String, description = "When it is forgotten"),
        )),
        (status = 400, body = ErrorBody, description = "A header is missing or wrong, or no video"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 412, body = ErrorBody, description = "Another version of the protocol"),
        (status = 413, body = ErrorBody, description = "Larger than `Tus-Max-Size`"),
        (status = 422, body = ErrorBody, description = "The title or description is missing or wrong"),
        (status = 429, body = ErrorBody, description = "Too many unfinished uploads"),
        (status = 460, body = ErrorBody, description = "The body is not what its checksum says"),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn create(
    State(uploads): State<Uploads>,
    State(MaxVideoSize(max_size)): State<MaxVideoSize>,
    client: TusClient,
    RequestContext(context): RequestContext,
    request: Request,
) -> Result<Response, ApiError> {
    let length = headers::bytes(request.headers(), &headers::LENGTH, "Upload-Length")?;
    if length > max_size {
        return Err(UploadError::TooLarge.into());
    }
    if length == 0 {
        return Err(VideoError::NotAVideo.into());
    }
    let Metadata { title, description, whole } = Metadata::of(request.headers())?;
    let new = NewUpload { length, title, description, metadata: whole };
    let created = uploads.commands.create_upload(&context, client.account, &new).await;
    let created = created.map_err(upload_error)?;
    let location = HeaderValue::try_from(format!("{}/{}", client.folder, created.id));
    let upload = match headers::text(request.headers(), &CONTENT_TYPE) {
        // A retry: the store has bytes of an earlier try. The response tells the client how many.
        headers::PIECE if created.received > 0 => {
            let account = client.account;
            let resumed = uploads.commands.resume_upload(&context, account, created.id).await;
            resumed.map_err(upload_error)?
        }
        headers::PIECE => append_first(uploads, context, client, created, request).await?,
        _ => created,
    };
    let mut response = upload_response(StatusCode::CREATED, &upload);
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Appends the bytes that came with the creation. On a failure the client never learns the location of
/// its upload. So the upload is cancelled, unless a retry with the same key has appended bytes. All this
/// runs in a task of its own: a disconnected client drops the handler.
async fn append_first(
    uploads: Uploads,
    context: CommandContext,
    client: TusClient,
    created: ResumableUpload,
    request: Request,
) -> Result<ResumableUpload, ApiError> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let appending = async move {
        let account = client.account;
        let appended = uploads.append(context, account, created.id, 0, &headers, body).await;
        if appended.is_err() {
            let cancelled = uploads.commands.cancel_empty_upload(account, created.id).await;
            if let Err(error) = cancelled {
                tracing::debug!(upload_id = %created.id, %error, "empty upload not cancelled, left to expire");
            }
        }
        appended
    };
    let appended = tokio::spawn(appending.in_current_span()).await;
    appended.map_err(ApiError::internal)?
}
