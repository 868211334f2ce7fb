//! Errors as clients see them: the one place that turns an error into an answer.
//!
//! The policy:
//!
//! - An error is `{"detail": …, "code": …}`. `detail` is for people, and is what clients of the
//!   contest have always been shown: a sentence, or for 422 the list of all problems of the request.
//!   `code` is for programs and never changes.
//! - No input brings about a 5xx. 503 with `Retry-After` means that the log, the database or the
//!   object store cannot be reached, or that there are too many requests at once: the same request
//!   may be sent again.
//! - 500 is a defect. Its cause goes to the log of this process, never to the client.
//! - What the fold rejected (a [`Rejection`]) is an answer like any other; each command says in
//!   words what it means there.
//! - Nothing secret is ever echoed: a [`Problem`] about a password carries no `input`.

mod problem;

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::Rejection;
use http::header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use projections::queries::QueryError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::request_id::RequestId;

pub(crate) use problem::{Loc, Place, Problem};

/// Everything that can go wrong, by its name.
#[derive(Debug)]
pub(crate) enum ApiError {
    RouteUnknown,
    MethodNotAllowed,
    Validation(Vec<Problem>),

    NotAuthenticated,
    WrongScheme,
    TokenInvalid,
    AccountGone,
    WrongCredentials,
    WrongPassword,
    KeyReused,

    VideoNotFound,
    NotYourVideo,
    OperatorsOnly,
    ArtistUnknown,
    NotRanked,
    CommandUnknown,
    ForeignForm,
    MediaForbidden,
    MediaGone,

    RegistrationRejected(Rejection),
    UploadRejected(Rejection),
    DeletionRejected(Rejection),
    VoteRejected(Rejection),

    NoFile,
    NotAVideo,
    VideoTooLarge,
    NoBoundary,
    MultipartMalformed(&'static str),

    OtherVersion,
    BadHeader(&'static str),
    NotAPiece,
    UploadUnknown,
    UploadExpired,
    WrongOffset,
    UploadTooLarge,
    ChecksumMismatch,
    TooManyUploads,
    TooManyPieces,

    BodyTooLarge,
    BodyTimeout,
    BodyBroken,
    Unavailable(String),
    /// Too many at once. Counted, not logged: there may be thousands of them.
    Overloaded,
    Internal(String),
}

/// What went wrong, among an answer's extensions: for those who say it in another form.
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
    /// A lone problem.
    pub(crate) fn problem(problem: Problem) -> Self {
        Self::Validation(vec![problem])
    }

    /// The same, for another one of those who waited for one answer.
    pub(crate) fn shared(&self) -> Self {
        match self {
            Self::Unavailable(cause) => Self::Unavailable(cause.clone()),
            Self::ArtistUnknown => Self::ArtistUnknown,
            other => Self::Internal(format!("an answer that several wait for: {other:?}")),
        }
    }

    /// The table: status, detail, code.
    fn parts(self) -> (StatusCode, Detail, &'static str) {
        use StatusCode as S;
        let (status, sentence, code): (S, Cow<'static, str>, &'static str) = match self {
            Self::Validation(problems) => {
                return (S::UNPROCESSABLE_ENTITY, Detail::Problems(problems), "validation_error");
            }
            Self::KeyReused => {
                let what = "Esta clave ya se usó con una solicitud diferente";
                let problem = Problem::value(Place::Header, "Idempotency-Key", what);
                let problems = Detail::Problems(vec![problem]);
                return (S::UNPROCESSABLE_ENTITY, problems, "idempotency_key_reused");
            }
            Self::UploadRejected(Rejection::AccountErased) => return Self::AccountGone.parts(),
            Self::RegistrationRejected(rejection) => of_rejection(rejection, S::BAD_REQUEST),
            Self::UploadRejected(rejection) => of_rejection(rejection, S::CONFLICT),
            Self::DeletionRejected(rejection) => of_deletion(rejection),
            Self::VoteRejected(rejection) => of_vote(rejection),
            Self::RouteUnknown => (S::NOT_FOUND, "Not Found".into(), "not_found"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "Method Not Allowed".into(), "method_not_allowed")
            }
            Self::NotAuthenticated => {
                (S::FORBIDDEN, "Not authenticated".into(), "not_authenticated")
            }
            Self::WrongScheme => {
                (S::FORBIDDEN, "Invalid authentication credentials".into(), "wrong_scheme")
            }
            Self::TokenInvalid => {
                (S::UNAUTHORIZED, "Could not validate credentials".into(), "token_invalid")
            }
            Self::AccountGone => (S::UNAUTHORIZED, "User not found".into(), "account_gone"),
            Self::WrongCredentials => {
                (S::UNAUTHORIZED, "Email o contraseña incorrectos".into(), "wrong_credentials")
            }
            Self::WrongPassword => {
                (S::FORBIDDEN, "La contraseña es incorrecta".into(), "wrong_password")
            }
            Self::VideoNotFound => (S::NOT_FOUND, "Video not found".into(), "video_unknown"),
            Self::NotYourVideo => {
                (S::FORBIDDEN, "Forbidden: this video does not belong to you".into(), "not_owner")
            }
            Self::OperatorsOnly => (S::FORBIDDEN, "Solo para operadores".into(), "operators_only"),
            Self::ArtistUnknown => (S::NOT_FOUND, "Artista no encontrado".into(), "artist_unknown"),
            Self::NotRanked => {
                (S::NOT_FOUND, "Aún no tienes videos publicados".into(), "not_ranked")
            }
            Self::CommandUnknown => (S::NOT_FOUND, "Command not found".into(), "command_unknown"),
            Self::ForeignForm => {
                (S::FORBIDDEN, "Forms are taken from our own pages only".into(), "foreign_form")
            }
            Self::MediaForbidden => {
                (S::FORBIDDEN, "Invalid or expired link".into(), "link_invalid")
            }
            Self::MediaGone => (S::NOT_FOUND, "Not Found".into(), "media_gone"),
            Self::NoFile => (S::BAD_REQUEST, "No file uploaded".into(), "no_file"),
            Self::NotAVideo => {
                (S::BAD_REQUEST, "File must be a video format".into(), "not_a_video")
            }
            Self::VideoTooLarge => {
                (S::BAD_REQUEST, "File size exceeds limit".into(), "video_too_large")
            }
            Self::NoBoundary => {
                (S::BAD_REQUEST, "Missing boundary in multipart.".into(), "no_boundary")
            }
            Self::MultipartMalformed(what) => (S::BAD_REQUEST, what.into(), "multipart_malformed"),
            Self::OtherVersion => (
                S::PRECONDITION_FAILED,
                "Tus-Resumable must be 1.0.0".into(),
                "other_protocol_version",
            ),
            Self::BadHeader(name) => {
                (S::BAD_REQUEST, format!("Missing or wrong header: {name}").into(), "bad_header")
            }
            Self::NotAPiece => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type must be application/offset+octet-stream".into(),
                "not_a_piece",
            ),
            Self::UploadUnknown => (S::NOT_FOUND, "Subida no encontrada".into(), "upload_unknown"),
            Self::UploadExpired => (S::GONE, "La subida ha caducado".into(), "upload_expired"),
            Self::WrongOffset => {
                (S::CONFLICT, "La subida no está en esa posición".into(), "wrong_offset")
            }
            Self::UploadTooLarge => {
                (S::PAYLOAD_TOO_LARGE, "File size exceeds limit".into(), "upload_too_large")
            }
            Self::ChecksumMismatch => (
                checksum_mismatch(),
                "Los datos no coinciden con su suma de comprobación".into(),
                "checksum_mismatch",
            ),
            Self::TooManyUploads => (
                S::TOO_MANY_REQUESTS,
                "Tienes demasiadas subidas sin terminar".into(),
                "too_many_uploads",
            ),
            Self::TooManyPieces => {
                (S::BAD_REQUEST, "La subida tiene demasiadas partes".into(), "too_many_pieces")
            }
            Self::BodyTooLarge => {
                (S::PAYLOAD_TOO_LARGE, "Request body too large".into(), "body_too_large")
            }
            Self::BodyTimeout => {
                (S::REQUEST_TIMEOUT, "Request body took too long".into(), "body_timeout")
            }
            Self::BodyBroken => {
                (S::BAD_REQUEST, "There was an error parsing the body".into(), "body_broken")
            }
            Self::Unavailable(_) => {
                (S::SERVICE_UNAVAILABLE, "Service temporarily unavailable".into(), "unavailable")
            }
            Self::Overloaded => {
                (S::SERVICE_UNAVAILABLE, "Service temporarily unavailable".into(), "overloaded")
            }
            Self::Internal(_) => {
                (S::INTERNAL_SERVER_ERROR, "Internal Server Error".into(), "internal")
            }
        };
        (status, Detail::Sentence(sentence), code)
    }
}

/// The tus protocol's own status.
fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST)
}

type Refusal = (StatusCode, Cow<'static, str>, &'static str);

/// What a rejection says where no command has words of its own.
pub(crate) fn of_rejection(rejection: Rejection, status: StatusCode) -> Refusal {
    let sentence: Cow<'static, str> = match rejection {
        Rejection::EmailTaken => "El email ya está registrado".into(),
        Rejection::AccountUnknown => "User not found".into(),
        Rejection::AccountErased => "La cuenta ha sido eliminada".into(),
        Rejection::AlreadyOperator => "The person is an operator already".into(),
        Rejection::NotOperator => "The person is no operator".into(),
        Rejection::VideoExists => "The video exists already".into(),
        Rejection::VideoUnknown | Rejection::VideoDeleted => "Video not found".into(),
        Rejection::NotOwner => "Forbidden: you don't have permission to delete this video".into(),
        Rejection::HasVotes { votes } => {
            format!("Cannot delete video: it has {votes} vote(s)").into()
        }
        Rejection::NotVotable => "Este video no está disponible para votación".into(),
        Rejection::AlreadyVoted => "Ya has votado por este video".into(),
        Rejection::AlreadyFinished => "The video has been processed already".into(),
    };
    // Nobody is told whether a video once existed.
    let code = match rejection {
        Rejection::VideoDeleted => Rejection::VideoUnknown.code(),
        other => other.code(),
    };
    (status, sentence, code)
}

fn of_deletion(rejection: Rejection) -> Refusal {
    let status = match rejection {
        Rejection::VideoUnknown | Rejection::VideoDeleted => StatusCode::NOT_FOUND,
        Rejection::NotOwner => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    of_rejection(rejection, status)
}

fn of_vote(rejection: Rejection) -> Refusal {
    match rejection {
        Rejection::VideoUnknown | Rejection::VideoDeleted => {
            let code = Rejection::VideoUnknown.code();
            (StatusCode::NOT_FOUND, "Video no encontrado".into(), code)
        }
        other => of_rejection(other, StatusCode::BAD_REQUEST),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Internal(cause) => {
                tracing::error!(%cause, request_id = %RequestId::current(), "a defect");
            }
            Self::Unavailable(cause) => {
                tracing::warn!(%cause, request_id = %RequestId::current(), "cannot serve right now");
            }
            _ => {}
        }
        let (status, detail, code) = self.parts();
        let mut response = (status, Json(ErrorBody { detail, code })).into_response();
        response.extensions_mut().insert(Code(code));
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::REQUEST_TIMEOUT => {
                // The rest of the body may still come: it must not be taken for a request.
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Unavailable(cause) => Self::Unavailable(cause.to_string()),
            QueryError::Broken(cause) => Self::Internal(cause.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: ApiError) -> (u16, String, &'static str) {
        match error.parts() {
            (status, Detail::Sentence(sentence), code) => {
                (status.as_u16(), sentence.into_owned(), code)
            }
            (_, Detail::Problems(problems), _) => panic!("{problems:?}"),
        }
    }

    #[test]
    fn a_deletion_is_refused_in_its_own_words() {
        let refused = |rejection| shown(ApiError::DeletionRejected(rejection));
        assert_eq!(
            refused(Rejection::HasVotes { votes: 3 }),
            (400, "Cannot delete video: it has 3 vote(s)".into(), "has_votes")
        );
        assert_eq!(refused(Rejection::NotOwner).0, 403);
        let gone = (404, "Video not found".into(), "video_unknown");
        assert_eq!(refused(Rejection::VideoDeleted), gone);
        assert_eq!(refused(Rejection::VideoUnknown), gone);
    }

    #[test]
    fn a_vote_is_refused_in_its_own_words() {
        let refused = |rejection| shown(ApiError::VoteRejected(rejection));
        let gone = (404, "Video no encontrado".into(), "video_unknown");
        assert_eq!(refused(Rejection::VideoDeleted), gone);
        assert_eq!(
            refused(Rejection::AlreadyVoted),
            (400, "Ya has votado por este video".into(), "already_voted")
        );
        assert_eq!(
            refused(Rejection::NotVotable),
            (400, "Este video no está disponible para votación".into(), "not_votable")
        );
    }

    #[test]
    fn the_cause_of_a_defect_is_never_shown() {
        let (status, sentence, _) = shown(ApiError::Internal("secret".into()));
        assert_eq!((status, sentence.as_str()), (500, "Internal Server Error"));
    }
}
