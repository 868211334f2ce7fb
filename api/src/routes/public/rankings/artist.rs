//! `GET /api/public/rankings/artists/{artist_id}`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::AccountId;
use http::HeaderMap;
use projections::boards::BoardPosition;
use projections::queries::{ArtistStanding, Queries};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, ErrorBody, RankingError};
use crate::extract::ArtistPath;
use crate::page_cache::{Audience, CachedPage, Page, PageCache};
use crate::ranking_page::RankingPageKey;

/// An artist's score, and their place on each of their boards.
#[derive(Serialize, ToSchema)]
// The schema of a command status is called `Standing`, too.
#[schema(as = ArtistStanding)]
pub(crate) struct Standing {
    artist_id: Uuid,
    username: String,
    city: String,
    country: String,
    /// Summed over the artist's published videos.
    votes: u64,
    /// When they reached that count; of two artists with as many votes the earlier ranks higher.
    reached_at: DateTime<Utc>,
    /// The whole contest's board, the country's, the city's, and that of the city in its country.
    standings: Vec<BoardPlace>,
}

/// A place on a board. `city` and `country` are those of `GET /api/public/rankings`.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardPlace {
    city: Option<String>,
    country: Option<String>,
    /// Counted from 1.
    position: u64,
    /// Artists on the whole board.
    total: u64,
}

impl From<ArtistStanding> for Standing {
    fn from(found: ArtistStanding) -> Self {
        let ranked = found.artist.ranked;
        Self {
            artist_id: ranked.standing.artist.0,
            username: found.artist.name,
            city: ranked.city.to_string(),
            country: ranked.country.to_string(),
            votes: ranked.standing.votes,
            reached_at: ranked.standing.reached_at,
            standings: found.positions.into_iter().map(BoardPlace::from).collect(),
        }
    }
}

impl From<BoardPosition> for BoardPlace {
    fn from(place: BoardPosition) -> Self {
        Self {
            city: place.city.as_deref().map(str::to_owned),
            country: place.country.as_deref().map(str::to_owned),
            position: place.position,
            total: place.total,
        }
    }
}

/// Where an artist stands, on each of their boards.
#[utoipa::path(
    get, path = "/api/public/rankings/artists/{artist_id}", tag = "public",
    params(("artist_id" = Uuid, Path, description = "The artist")),
    responses(
        (status = 200, body = Standing),
        (status = 304, description = "As `If-None-Match` says"),
        (status = 404, body = ErrorBody, description = "Unknown, or without a published video"),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn artist(
    State(queries): State<Queries>,
    State(pages): State<PageCache<RankingPageKey>>,
    path: ArtistPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let artist = path.or(RankingError::ArtistUnknown)?;
    Ok(page(queries, &pages, artist).await?.respond(&headers, Audience::Public))
}

/// The page of an artist's standing.
pub(crate) async fn page(
    queries: Queries,
    pages: &PageCache<RankingPageKey>,
    artist: AccountId,
) -> Result<Arc<CachedPage>, ApiError> {
    let version = queries.boards_version()?;
    let load = move || async move {
        let found = queries.standing(artist).await?.ok_or(RankingError::ArtistUnknown)?;
        Page::render(found.version, &Standing::from(found))
    };
    pages.get(version, RankingPageKey::Artist(artist), load).await
}
