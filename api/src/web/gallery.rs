//! `GET /videos`: the published videos.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use maud::{Markup, html};
use projections::queries::{Direction, OrderBy, PublicVideo, PublicVideos, Queries};

use super::board_cache::BoardCache;
use super::board_filter::BoardFilter;
use super::layout::Page;
use super::page_context::PageContext;
use super::paging::{self, PageCount};
use crate::error::ApiError;
use crate::extract::{Paging, QueryFields};
use crate::media_urls::{MediaUrls, SIGNED_URL_TTL};

const VIDEOS_PER_PAGE: u32 = 12;

pub(super) async fn page(
    State(queries): State<Queries>,
    State(urls): State<MediaUrls>,
    State(cache): State<Arc<BoardCache>>,
    ctx: PageContext,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let filter = BoardFilter::for_gallery(&mut query);
    let order_by =
        query.choice("order_by", [("uploaded_at", OrderBy::UploadedAt), ("votes", OrderBy::Votes)]);
    let page = query.integer("page", 1, 1, None);
    query.finish()?;
    let paging = Paging { page, page_size: VIDEOS_PER_PAGE };
    // One video more than the page shows tells whether there is a next page.
    let wanted = PublicVideos {
        of: filter.board(),
        order_by,
        direction: Direction::Descending,
        skip: paging.skip(),
        limit: VIDEOS_PER_PAGE + 1,
    };
    let mut videos = queries.public_videos(&wanted).await?;
    let page_count =
        if videos.len() > VIDEOS_PER_PAGE as usize { PageCount::HasNext } else { PageCount::Last };
    videos.truncate(VIDEOS_PER_PAGE as usize);
    let mut cards = Vec::with_capacity(videos.len());
    for video in &videos {
        let key = video.poster_key.as_deref();
        cards.push((video, urls.signed_if_any(key, SIGNED_URL_TTL).await?));
    }
    let messages = ctx.messages();
    let boards = cache.boards(&queries)?;
    let media = cards.iter().find_map(|(_, poster)| poster.as_deref());
    let title = format!("{}: {}", messages.videos, filter.title(messages));
    Ok(Page::new(&ctx, title.as_str()).allow_media_from(media).render(&html! {
        div.heading { h1 { (title) } }
        (filter.navigation(&ctx, &boards))
        (orders(&ctx, &filter, order_by))
        @if cards.is_empty() { p.empty { (messages.no_videos) } }
        ul.gallery {
            @for (video, poster) in &cards { li { (card(&ctx, video, poster.as_deref())) } }
        }
        (paging::links(&ctx, page, page_count, |page| {
            filter.url(&[("order_by", parameter(order_by)), ("page", page)])
        }))
    }))
}

fn card(ctx: &PageContext, video: &PublicVideo, poster: Option<&str>) -> Markup {
    html! {
        article.video {
            a.picture href={ "/videos/" (video.id) } tabindex="-1" aria-hidden="true" {
                @if let Some(poster) = poster {
                    img src=(poster) alt="" width="640" height="360" loading="lazy" decoding="async";
                }
            }
            div {
                h2 { a href={ "/videos/" (video.id) } { (video.title) } }
                p { (video.artist_name) " · " (video.city) ", " (video.country) }
                p.votes { (ctx.vote_count(video.votes)) }
            }
        }
    }
}

fn orders(ctx: &PageContext, filter: &BoardFilter, chosen: OrderBy) -> Markup {
    let messages = ctx.messages();
    let link = |order: OrderBy, text: &str| {
        html! {
            li {
                a href=(filter.url(&[("order_by", parameter(order))]))
                    aria-current=[(order == chosen).then_some("true")] { (text) }
            }
        }
    };
    html! {
        nav.orders aria-label=(messages.order) {
            ul { (link(OrderBy::UploadedAt, messages.newest)) (link(OrderBy::Votes, messages.most_voted)) }
        }
    }
}

/// The value of the query parameter `order_by`.
fn parameter(order: OrderBy) -> &'static str {
    match order {
        OrderBy::UploadedAt => "uploaded_at",
        OrderBy::Votes => "votes",
    }
}
