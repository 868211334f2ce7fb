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
use super::{Uploads, refused, told};
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
    let begun = uploads.commands.create_upload(&context, client.account, &new).await;
    let begun = begun.map_err(refused)?;
    let location = HeaderValue::try_from(format!("{}/{}", client.folder, begun.id));
    let upload = match headers::text(request.headers(), &CONTENT_TYPE) {
        // A retry: what its first try brought is kept already, and the client is told how much.
        headers::PIECE if begun.received > 0 => {
            let account = client.account;
            let resumed = uploads.commands.resume_upload(&context, account, begun.id).await;
            resumed.map_err(refused)?
        }
        headers::PIECE => take_first(uploads, context, client, begun, request).await?,
        _ => begun,
    };
    let mut response = told(StatusCode::CREATED, &upload);
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Takes the bytes that come with the beginning. If they do not come whole, the client never learns
/// where its upload is, also because it hung up: then there shall be none, unless another try with the
/// same key has brought something.
async fn take_first(
    uploads: Uploads,
    context: CommandContext,
    client: TusClient,
    begun: ResumableUpload,
    request: Request,
) -> Result<ResumableUpload, ApiError> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let taking = async move {
        let account = client.account;
        let taken = uploads.append(context, account, begun.id, 0, &headers, body).await;
        if taken.is_err() {
            let cancelled = uploads.commands.cancel_empty_upload(account, begun.id).await;
            if let Err(error) = cancelled {
                tracing::debug!(upload = %begun.id, %error, "left to expire");
            }
        }
        taken
    };
    let taken = tokio::spawn(taking.in_current_span()).await;
    taken.map_err(ApiError::internal)?
}
