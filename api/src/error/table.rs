//! What clients see of each error: one table of status, code and detail.
//!
//! `code` is for programs and never changes. `detail` is for people: clients of the contest have always
//! been shown these sentences, in these two languages.

use std::borrow::Cow;
use std::fmt;

use domain::Rejection;
use http::StatusCode;

/// What clients see of one error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: Cow<'static, str>,
}

impl Row {
    pub(super) fn new(
        status: u16,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, detail: detail.into() }
    }
}

/// Declares the errors of each area together with their rows.
macro_rules! table {
    ($($(#[$doc:meta])* $area:ident { $($error:ident $status:literal $code:literal $detail:literal)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $area { $($error),* }

        impl $area {
            pub(super) fn row(self) -> Row {
                match self { $(Self::$error => Row::new($status, $code, $detail)),* }
            }
        }

        impl fmt::Display for $area {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.row().code)
            }
        }

        impl std::error::Error for $area {}
    )*};
}

table! {
    /// A request that no endpoint can answer.
    RequestError {
        RouteUnknown 404 "not_found" "Not Found"
        MethodNotAllowed 405 "method_not_allowed" "Method Not Allowed"
        CommandUnknown 404 "command_unknown" "Command not found"
        Overloaded 503 "overloaded" "Service temporarily unavailable"
    }

    /// A client that is not who it must be.
    AuthError {
        NotAuthenticated 403 "not_authenticated" "Not authenticated"
        WrongScheme 403 "wrong_scheme" "Invalid authentication credentials"
        TokenInvalid 401 "token_invalid" "Could not validate credentials"
        AccountGone 401 "account_gone" "User not found"
        WrongCredentials 401 "wrong_credentials" "Email o contraseña incorrectos"
        WrongPassword 403 "wrong_password" "La contraseña es incorrecta"
        OperatorsOnly 403 "operators_only" "Solo para operadores"
        ForeignForm 403 "foreign_form" "Forms are taken from our own pages only"
    }

    /// A body that cannot be read.
    BodyError {
        TooLarge 413 "body_too_large" "Request body too large"
        Timeout 408 "body_timeout" "Request body took too long"
        Broken 400 "body_broken" "There was an error parsing the body"
    }

    /// A video that does not exist, belongs to another artist, or is not accepted.
    VideoError {
        NotFound 404 "video_unknown" "Video not found"
        NotYours 403 "not_owner" "Forbidden: this video does not belong to you"
        NoFile 400 "no_file" "No file uploaded"
        NotAVideo 400 "not_a_video" "File must be a video format"
        TooLarge 400 "video_too_large" "File size exceeds limit"
        NoBoundary 400 "no_boundary" "Missing boundary in multipart."
    }

    /// A resumable upload that the protocol or a bound forbids.
    UploadError {
        OtherVersion 412 "other_protocol_version" "Tus-Resumable must be 1.0.0"
        NotAPiece 415 "not_a_piece" "Content-Type must be application/offset+octet-stream"
        Unknown 404 "upload_unknown" "Subida no encontrada"
        Expired 410 "upload_expired" "La subida ha caducado"
        WrongOffset 409 "wrong_offset" "La subida no está en esa posición"
        TooLarge 413 "upload_too_large" "File size exceeds limit"
        // The protocol's own status.
        ChecksumMismatch 460 "checksum_mismatch" "Los datos no coinciden con su suma de comprobación"
        TooMany 429 "too_many_uploads" "Tienes demasiadas subidas sin terminar"
        TooManyPieces 400 "too_many_pieces" "La subida tiene demasiadas partes"
    }

    /// An artist who is not ranked.
    RankingError {
        ArtistUnknown 404 "artist_unknown" "Artista no encontrado"
        NotRanked 404 "not_ranked" "Aún no tienes videos publicados"
    }

    /// A file that a link does not open.
    MediaError {
        LinkInvalid 403 "link_invalid" "Invalid or expired link"
        Gone 404 "media_gone" "Not Found"
    }

    /// A failure on our side.
    ServerError {
        Unavailable 503 "unavailable" "Service temporarily unavailable"
        Internal 500 "internal" "Internal Server Error"
    }
}

/// The row of a rejection, except for its status, which depends on the command.
pub(super) fn rejection(status: u16, rejection: Rejection) -> Row {
    let detail: Cow<'static, str> = match rejection {
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
    // The code must not reveal that a video once existed.
    let code = match rejection {
        Rejection::VideoDeleted => Rejection::VideoUnknown.code(),
        other => other.code(),
    };
    Row::new(status, code, detail)
}
