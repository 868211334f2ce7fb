//! Errors as clients see them: the one place that turns an error into a response.
//!
//! The policy:
//!
//! - The body of an error is `{"detail": …, "code": …}`. `detail` is for people: a sentence, or for 422
//!   the list of all problems of the request. `code` is for programs and never changes.
//! - No input causes a 5xx. 503 with `Retry-After` means that the log, the database or the object store
//!   is unavailable, or that the server is overloaded. The client may retry the same request.
//! - 500 is a defect. Its cause is logged once, here, and never shown to the client.
//! - What the fold rejected (a [`domain::Rejection`]) is a response like any other.
//! - Secrets are never echoed: a [`Problem`] about a password carries no `input`.

mod problem;
mod rejected;
mod table;

use std::borrow::Cow;
use std::error::Error;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use infra::cause::{Cause, cause};
use infra::error_chain::error_chain;
use projections::queries::QueryError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::request_id::RequestId;

pub(crate) use problem::{Loc, Problem, RequestPart};
pub(crate) use rejected::{RejectedCommand, rejection_row};
pub(crate) use table::{
    AuthError, BodyError, MediaError, RankingError, RequestError, Row, UploadError, VideoError,
};

use table::ServerError;

/// Why a request failed, by area.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("the request is not valid")]
    Validation(Vec<Problem>),
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    #[error("the header {0} is missing or wrong")]
    BadHeader(&'static str),
    #[error("{0}")]
    MultipartMalformed(&'static str),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Video(#[from] VideoError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Ranking(#[from] RankingError),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Rejected(#[from] RejectedCommand),
    /// A dependency cannot be reached right now.
    #[error("unavailable")]
    Unavailable(#[source] Cause),
    /// A defect.
    #[error("internal error")]
    Internal(#[source] Cause),
}

/// The code of an error, as an extension of its response: pages show it in another form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) &'static str);

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong, for people; for 422 the list of all problems.
    pub(crate) detail: Detail,
    /// What went wrong, for programs.
    #[schema(example = "video_unknown")]
    pub(crate) code: &'static str,
}

/// A sentence, or the problems of the request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Detail {
    Sentence(Cow<'static, str>),
    Problems(Vec<Problem>),
}

impl ApiError {
    /// A request with one problem.
    pub(crate) fn problem(problem: Problem) -> Self {
        Self::Validation(vec![problem])
    }

    /// A dependency cannot be reached right now, for this reason.
    pub(crate) fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause(error))
    }

    /// A defect, with its cause.
    pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(cause(error))
    }

    fn status_and_body(self) -> (StatusCode, ErrorBody) {
        let unprocessable = |problems, code| {
            let body = ErrorBody { detail: Detail::Problems(problems), code };
            (StatusCode::UNPROCESSABLE_ENTITY, body)
        };
        let row = match self {
            Self::Validation(problems) => return unprocessable(problems, "validation_error"),
            Self::KeyReused => {
                let what = "Esta clave ya se usó con una solicitud diferente";
                let problem = Problem::value(RequestPart::Header, "Idempotency-Key", what);
                return unprocessable(vec![problem], "idempotency_key_reused");
            }
            Self::BadHeader(name) => {
                Row::new(400, "bad_header", format!("Missing or wrong header: {name}"))
            }
            Self::MultipartMalformed(what) => Row::new(400, "multipart_malformed", what),
            Self::Request(error) => error.row(),
            Self::Auth(error) => error.row(),
            Self::Body(error) => error.row(),
            Self::Video(error) => error.row(),
            Self::Upload(error) => error.row(),
            Self::Ranking(error) => error.row(),
            Self::Media(error) => error.row(),
            Self::Rejected(error) => error.row(),
            Self::Unavailable(_) => ServerError::Unavailable.row(),
            Self::Internal(_) => ServerError::Internal.row(),
        };
        let Row { status, code, detail } = row;
        (status, ErrorBody { detail: Detail::Sentence(detail), code })
    }

    /// Logs the causes of failures on our side. An overload is counted, not logged: it may reject
    /// thousands of requests.
    fn log(&self) {
        let request_id = RequestId::current();
        match self {
            Self::Internal(cause) => {
                tracing::error!(error = error_chain(&**cause), %request_id, "request failed: internal error");
            }
            Self::Unavailable(cause) => {
                tracing::warn!(error = error_chain(&**cause), %request_id, "request failed: unavailable");
            }
            _ => {}
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let (status, body) = self.status_and_body();
        let code = Code(body.code);
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(code);
        let header = match status {
            StatusCode::UNAUTHORIZED => (WWW_AUTHENTICATE, "Bearer"),
            StatusCode::SERVICE_UNAVAILABLE => (RETRY_AFTER, "1"),
            // The rest of the body may still arrive. It must not be read as the next request.
            StatusCode::REQUEST_TIMEOUT => (CONNECTION, "close"),
            _ => return response,
        };
        response.headers_mut().insert(header.0, HeaderValue::from_static(header.1));
        response
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Unavailable { .. } => Self::unavailable(error),
            QueryError::Broken { .. } => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_defect_is_never_shown() {
        let (status, body) = ApiError::internal("secret").status_and_body();
        let Detail::Sentence(sentence) = body.detail else { panic!("no sentence") };
        assert_eq!((status.as_u16(), &*sentence), (500, "Internal Server Error"));
    }
}
