//! A video as its owner sees it.

use chrono::{DateTime, Utc};
use domain::event::FailureReason;
use domain::{AccountId, VideoId};
use projections::queries::{self, Queries};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, VideoError};
use crate::media_urls::{MediaUrls, SIGNED_URL_TTL};

/// One of one's own videos.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnVideo {
    video_id: Uuid,
    title: String,
    description: Option<String>,
    /// `pending`, `processing`, `processed` or `failed`.
    #[schema(example = "processed")]
    status: &'static str,
    /// How much of it is processed, in percent; null unless it is being processed.
    #[schema(minimum = 0, maximum = 100)]
    progress: Option<u8>,
    uploaded_at: DateTime<Utc>,
    /// Null until it is processed.
    processed_at: Option<DateTime<Utc>>,
    /// Works as it is for one hour.
    original_url: String,
    /// Null until it is processed; works as it is for one hour.
    processed_url: Option<String>,
    /// A still picture; null until it is processed.
    poster_url: Option<String>,
    /// The same video as an adaptive stream (HLS); null until it is processed, or if there is none.
    hls_url: Option<String>,
    votes: u64,
    /// Why it could not be processed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

/// Why a video could not be processed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Failure {
    /// For programs.
    #[schema(example = "undecodable")]
    code: &'static str,
    /// For people.
    reason: &'static str,
}

/// A video of `owner`.
///
/// # Errors
/// [`VideoError::NotFound`], or [`VideoError::NotYours`] if another artist owns it.
pub(crate) async fn find(
    queries: &Queries,
    owner: AccountId,
    video: VideoId,
) -> Result<queries::OwnVideo, ApiError> {
    let video = queries.video(video).await?.ok_or(VideoError::NotFound)?;
    if video.owner == owner { Ok(video) } else { Err(VideoError::NotYours.into()) }
}

/// The video, with URLs signed now.
pub(super) async fn with_urls(
    urls: &MediaUrls,
    video: queries::OwnVideo,
) -> Result<OwnVideo, ApiError> {
    let url = async |key: Option<String>| urls.signed_if_any(key.as_deref(), SIGNED_URL_TTL).await;
    Ok(OwnVideo {
        original_url: urls.signed(&video.original_key, SIGNED_URL_TTL).await?,
        processed_url: url(video.processed_key).await?,
        poster_url: url(video.poster_key).await?,
        hls_url: video.hls_key.map(|_| urls.hls(video.id)),
        video_id: video.id.0,
        title: video.title,
        description: video.description,
        status: video.status.code(),
        progress: video.progress,
        uploaded_at: video.uploaded_at,
        processed_at: video.processed_at,
        votes: video.votes,
        failure: video
            .failure
            .map(|reason| Failure { code: reason.code(), reason: reason_text(reason) }),
    })
}

/// The reason as a sentence for the artist.
pub(crate) fn reason_text(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::Undecodable => "El archivo está dañado o no se puede leer como video.",
        FailureReason::UnsupportedFormat => "El formato del video no está admitido.",
        FailureReason::NoVideoStream => "El archivo no contiene imagen de video.",
        FailureReason::TooLarge => "El video tiene demasiados píxeles, pistas o cuadros.",
        FailureReason::TooManyPixels => "La imagen del video es demasiado grande: máximo 8K.",
        FailureReason::TooManyStreams => "El archivo contiene demasiadas pistas.",
        FailureReason::TooManyFrames => "El video tiene demasiados cuadros por segundo.",
        FailureReason::TooLong => "El video dura demasiado: máximo seis horas.",
        FailureReason::TimedOut => "El procesamiento del video tardó demasiado.",
        FailureReason::OutOfResources
        | FailureReason::OutOfSpace
        | FailureReason::WorkerLost
        | FailureReason::StorageUnavailable
        | FailureReason::Internal => {
            "No pudimos procesar el video por un problema nuestro. Súbelo de nuevo, por favor."
        }
    }
}
