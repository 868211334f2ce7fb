//! `GET /videos`: the videos on stage.

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use maud::{Markup, html};
use projections::queries::{Direction, OrderBy, PublicVideo, PublicVideos};

use super::boards::Choice;
use super::layout::Page;
use super::paging::{self, Extent};
use super::visit::Visit;
use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::{Paging, QueryFields};
use crate::routes::media::{URL_VALID_FOR, signed_url_if_any};

const CARDS: u32 = 12;

pub(super) async fn page(
    State(state): State<Shared>,
    visit: Visit,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let choice = Choice::of_gallery(&mut query);
    let order_by =
        query.choice("order_by", [("uploaded_at", OrderBy::UploadedAt), ("votes", OrderBy::Votes)]);
    let page = query.integer("page", 1, 1, None);
    query.finish()?;
    let paging = Paging { page, page_size: CARDS };
    // One more than is shown tells whether there is a next page.
    let wanted = PublicVideos {
        of: choice.board(),
        order_by,
        direction: Direction::Descending,
        skip: paging.skip(),
        limit: CARDS + 1,
    };
    let mut videos = state.app.queries.public_videos(&wanted).await?;
    let extent = if videos.len() > CARDS as usize { Extent::More } else { Extent::NoMore };
    videos.truncate(CARDS as usize);
    let storage = state.app.storage.as_ref();
    let mut cards = Vec::with_capacity(videos.len());
    for video in &videos {
        let key = video.poster_key.as_deref();
        cards.push((video, signed_url_if_any(storage, key, URL_VALID_FOR).await?));
    }
    let words = visit.words();
    let boards = state.web.boards(&state.app.queries)?;
    let media = cards.iter().find_map(|(_, poster)| poster.as_deref());
    let title = format!("{}: {}", words.videos, choice.title(words));
    Ok(Page::new(&visit, title.as_str()).media(media).show(&html! {
        div.heading { h1 { (title) } }
        (choice.bar(&visit, &boards))
        (orders(&visit, &choice, order_by))
        @if cards.is_empty() { p.empty { (words.no_videos) } }
        ul.gallery {
            @for (video, poster) in &cards { li { (card(&visit, video, poster.as_deref())) } }
        }
        (paging::links(&visit, page, extent, |page| {
            choice.link(&[("order_by", name(order_by)), ("page", page)])
        }))
    }))
}

fn card(visit: &Visit, video: &PublicVideo, poster: Option<&str>) -> Markup {
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
                p.votes { (votes(visit, video.votes)) }
            }
        }
    }
}

/// So many votes, in words.
pub(super) fn votes(visit: &Visit, votes: u64) -> Markup {
    let words = visit.words();
    let unit = if votes == 1 { words.vote_one } else { words.votes };
    html! { strong { (visit.language.number(votes)) } " " (unit) }
}

fn orders(visit: &Visit, choice: &Choice, chosen: OrderBy) -> Markup {
    let words = visit.words();
    let link = |order: OrderBy, text: &str| {
        html! {
            li {
                a href=(choice.link(&[("order_by", name(order))]))
                    aria-current=[(order == chosen).then_some("true")] { (text) }
            }
        }
    };
    html! {
        nav.orders aria-label=(words.order) {
            ul { (link(OrderBy::UploadedAt, words.newest)) (link(OrderBy::Votes, words.most_voted)) }
        }
    }
}

fn name(order: OrderBy) -> &'static str {
    match order {
        OrderBy::UploadedAt => "uploaded_at",
        OrderBy::Votes => "votes",
    }
}
