//! `GET /api/public/videos`

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Uri};
use projections::queries::{Direction, OrderBy, PublicVideos, Queries};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, ErrorBody};
use crate::extract::QueryFields;
use crate::media_urls::{MediaUrls, SIGNED_URL_TTL};
use crate::page_cache::{Audience, Page, PageCache};

/// How long a list may be cached in all: here for moments, by shared caches for a minute.
const MAX_CACHED_FOR: Duration = Duration::from_secs(90);

/// A published video.
#[derive(Serialize, ToSchema)]
pub(crate) struct PublicVideo {
    video_id: Uuid,
    title: String,
    player_name: String,
    city: String,
    country: String,
    /// Works as it is for one hour.
    processed_url: String,
    /// A still picture; works as it is for one hour.
    poster_url: Option<String>,
    /// The same video as an adaptive stream (HLS), if there is one.
    hls_url: Option<String>,
    votes: u64,
    uploaded_at: DateTime<Utc>,
}

/// Published videos, the newest first unless told otherwise.
#[utoipa::path(
    get, path = "/api/public/videos", tag = "public",
    params(
        ("skip" = Option<u64>, Query, minimum = 0, description = "0 if not given"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100, description = "50 if not given"),
        ("page" = Option<u64>, Query, minimum = 1, description = "Instead of `skip`"),
        ("page_size" = Option<u64>, Query, minimum = 1, maximum = 100, description = "Instead of `limit`; 10 if only `page` is given"),
        ("order_by" = Option<String>, Query, description = "`uploaded_at` (if not given) or `votes`"),
        ("order" = Option<String>, Query, description = "`desc` (if not given) or `asc`"),
        ("city" = Option<String>, Query, max_length = 100, description = "In any case, with or without accents"),
        ("country" = Option<String>, Query, max_length = 100, description = "In any case, with or without accents"),
    ),
    responses(
        (status = 200, body = Vec<PublicVideo>),
        (status = 304, description = "As `If-None-Match` says"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn videos(
    State(queries): State<Queries>,
    State(pages): State<PageCache<PublicVideos>>,
    State(urls): State<MediaUrls>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wanted = parse(&uri)?;
    let version = queries.boards_version()?;
    let key = wanted.clone();
    let load = move || async move { render(&queries, &urls, version.number, &wanted).await };
    Ok(pages.get(version, key, load).await?.respond(&headers, Audience::Public))
}

fn parse(uri: &Uri) -> Result<PublicVideos, ApiError> {
    let mut query = QueryFields::of(uri);
    let by_page = query.has("page") || query.has("page_size");
    let skip = query.integer("skip", 0, 0, None);
    let limit = query.size("limit", 50);
    let paging = query.paging(10);
    let order_by =
        query.choice("order_by", [("votes", OrderBy::Votes), ("uploaded_at", OrderBy::UploadedAt)]);
    let direction =
        query.choice("order", [("asc", Direction::Ascending), ("desc", Direction::Descending)]);
    let of = query.board();
    query.finish()?;
    let (skip, limit) = if by_page { (paging.skip(), paging.page_size) } else { (skip, limit) };
    Ok(PublicVideos { of, order_by, direction, skip, limit })
}

async fn render(
    queries: &Queries,
    urls: &MediaUrls,
    version: u64,
    wanted: &PublicVideos,
) -> Result<Page, ApiError> {
    // URLs must be valid for an hour from the response, which may come from a cache.
    let ttl = SIGNED_URL_TTL + MAX_CACHED_FOR;
    let mut list = Vec::new();
    for video in queries.public_videos(wanted).await? {
        let poster_key = video.poster_key.as_deref();
        list.push(PublicVideo {
            video_id: video.id.0,
            title: video.title,
            player_name: video.artist_name,
            city: video.city,
            country: video.country,
            processed_url: urls.signed(&video.processed_key, ttl).await?,
            poster_url: urls.signed_if_any(poster_key, ttl).await?,
            hls_url: video.hls_key.map(|_| urls.hls(video.id)),
            votes: video.votes,
            uploaded_at: video.uploaded_at,
        });
    }
    Page::render(version, &list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(query: &str) -> PublicVideos {
        parse(&format!("/?{query}").parse().unwrap()).unwrap()
    }

    #[test]
    fn page_and_page_size_override_skip_and_limit() {
        let range = |query: &str| (wanted(query).skip, wanted(query).limit);
        assert_eq!(range(""), (0, 50));
        assert_eq!(range("skip=7&limit=100"), (7, 100));
        assert_eq!(range("page=3&page_size=20"), (40, 20));
        assert_eq!(range("page=3"), (20, 10));
        assert_eq!(range("page_size=20&limit=5"), (0, 20));
        assert_eq!(range("page=99999999999999999999999999"), (u64::MAX, 10));
    }

    #[test]
    fn the_newest_videos_come_first_by_default() {
        let order = |query: &str| (wanted(query).order_by, wanted(query).direction);
        assert_eq!(order(""), (OrderBy::UploadedAt, Direction::Descending));
        assert_eq!(order("order_by=votes"), (OrderBy::Votes, Direction::Descending));
        assert_eq!(order("order_by=votes&order=asc"), (OrderBy::Votes, Direction::Ascending));
    }
}
