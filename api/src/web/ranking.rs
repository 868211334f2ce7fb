//! `GET /`: the ranking.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::AccountId;
use http::Uri;
use maud::{Markup, html};
use projections::queries::{Queries, RankedArtist, RankingPage};

use super::assets;
use super::board_cache::BoardCache;
use super::board_filter::BoardFilter;
use super::layout::Page;
use super::messages::Messages;
use super::page_context::PageContext;
use super::paging::{self, PageCount};
use crate::error::{ApiError, RankingError};
use crate::extract::{Paging, QueryFields};
use crate::live::Live;

const ROWS_PER_PAGE: u32 = 20;
/// Rows of the page around an artist, the artist's own row included.
const ROWS_AROUND_ARTIST: u32 = 11;
const MAX_SEARCH_RESULTS: u32 = 20;

/// Which part of a board the page shows.
enum RankingQuery {
    Page(Paging),
    /// The rows around an artist.
    Around(AccountId),
    Search(String),
}

pub(super) async fn page(
    State(queries): State<Queries>,
    State(live_boards): State<Live>,
    State(cache): State<Arc<BoardCache>>,
    ctx: PageContext,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let filter = BoardFilter::for_ranking(&mut query);
    let artist = match query.take("artist").as_deref() {
        None | Some("") => None,
        Some("me") => match ctx.require_account() {
            Ok(account) => Some(account),
            Err(redirect) => return Ok(*redirect),
        },
        Some(artist) => Some(artist.parse().map_err(|_| RankingError::ArtistUnknown)?),
    };
    let ranking_query = ranking_query(&mut query, artist);
    query.finish()?;
    let board = filter.board();
    let searched = match &ranking_query {
        RankingQuery::Search(name) => name.clone(),
        RankingQuery::Page(_) | RankingQuery::Around(_) => String::new(),
    };
    let (content, live) = match ranking_query {
        RankingQuery::Page(paging) => {
            let erasure_epoch = cache.erasure_epoch();
            let page = cache.page(&queries, &board, paging).await?;
            let chart = match paging.page {
                1 => cache.chart(&queries, erasure_epoch, &board, &page.artists).await,
                _ => None,
            };
            let content = html! {
                (numbered_page(&ctx, &filter, paging, &page))
                @if let Some(chart) = chart { (chart.render(&ctx)) }
            };
            (content, Some(page.version))
        }
        RankingQuery::Around(artist) => (around(&queries, &ctx, &filter, artist).await?, None),
        RankingQuery::Search(name) => (search(&queries, &ctx, &filter, &name).await?, None),
    };
    let messages = ctx.messages();
    let boards = cache.boards(&queries)?;
    let title = filter.title(messages);
    let stream = live.map(|version| filter.stream_url(&live_boards.id(version)));
    let page = Page::new(&ctx, title.as_str()).script(&assets::RANKING);
    Ok(page.render(&html! {
        div.heading {
            div {
                p.tagline { (messages.tagline) }
                h1 { (title) }
            }
            @if let Some(stream) = &stream {
                p.live #live data-stream=(stream) data-lost=(messages.live_lost) data-live=(messages.live) hidden {
                    span.dot aria-hidden="true" {} span.text { (messages.live) }
                }
            }
        }
        (filter.navigation(&ctx, &boards))
        (search_form(&ctx, &filter, &searched))
        (content)
    }))
}

fn ranking_query(query: &mut QueryFields, artist: Option<AccountId>) -> RankingQuery {
    let name = query.take("q").unwrap_or_default();
    let name = name.trim();
    if !name.is_empty() {
        return RankingQuery::Search(name.chars().take(100).collect());
    }
    if let Some(artist) = artist {
        return RankingQuery::Around(artist);
    }
    let page = query.integer("page", 1, 1, None);
    RankingQuery::Page(Paging { page, page_size: ROWS_PER_PAGE })
}

fn search_form(ctx: &PageContext, filter: &BoardFilter, searched: &str) -> Markup {
    let messages = ctx.messages();
    html! {
        form.search method="get" action="/" role="search" {
            (filter.hidden_inputs())
            label.visually-hidden for="q" { (messages.search) }
            div.row {
                input #q type="search" name="q" value=(searched) maxlength="100" autocomplete="off"
                    aria-describedby="q-hint";
                button { (messages.search) }
                @if ctx.account.is_some() {
                    a.button href=(filter.url(&[("artist", "me")])) { (messages.my_position) }
                }
            }
            p.hint #q-hint { (messages.search_hint) }
        }
    }
}

/// A numbered page of the board.
fn numbered_page(
    ctx: &PageContext,
    filter: &BoardFilter,
    paging: Paging,
    page: &RankingPage,
) -> Markup {
    let messages = ctx.messages();
    let page_count = PageCount::Known(paging.total_pages(page.total));
    html! {
        p.count { strong #total { (ctx.language.number(page.total)) } " " (messages.artists) }
        @if page.total == 0 {
            p.empty { (messages.board_empty) }
        }
        (table(ctx, &page.artists, None, paging.page))
        (paging::links(ctx, paging.page, page_count, |page| filter.url(&[("page", page)])))
    }
}

fn table(
    ctx: &PageContext,
    artists: &[RankedArtist],
    marked: Option<AccountId>,
    page: u64,
) -> Markup {
    let messages = ctx.messages();
    html! {
        table.ranking data-page=(page) data-size=(ROWS_PER_PAGE) data-language=(ctx.language.tag()) {
            caption.visually-hidden { (messages.ranking) }
            thead {
                tr {
                    th scope="col" { (messages.position) }
                    th scope="col" { (messages.artist) }
                    th.origin scope="col" { (messages.origin) }
                    th.votes scope="col" { (messages.votes) }
                }
            }
            tbody #rows { @for artist in artists { (row(ctx, artist, marked)) } }
        }
        // The script clones this for artists who enter the page later.
        template #row {
            tr {
                td.place {} th.artist scope="row" { a.name {} span.from {} } td.origin {} td.votes {}
            }
        }
        p #news.visually-hidden role="status" data-place=(messages.position) {}
    }
}

fn row(ctx: &PageContext, artist: &RankedArtist, marked: Option<AccountId>) -> Markup {
    let ranked = &artist.ranked;
    let id = ranked.standing.artist;
    let origin = format!("{}, {}", ranked.city, ranked.country);
    html! {
        tr data-artist=(id) aria-current=[(marked == Some(id)).then_some("true")] {
            td.place { (ctx.language.number(ranked.position)) }
            th.artist scope="row" {
                a.name href={ "/?artist=" (id) } { (artist.name) }
                span.from { (origin) }
            }
            td.origin { (origin) }
            td.votes { (ctx.language.number(ranked.standing.votes)) }
        }
    }
}

async fn around(
    queries: &Queries,
    ctx: &PageContext,
    filter: &BoardFilter,
    artist: AccountId,
) -> Result<Markup, ApiError> {
    let messages = ctx.messages();
    let oneself = ctx.account == Some(artist);
    let found = queries.ranking_around(&filter.board(), artist, ROWS_AROUND_ARTIST).await?;
    let page = match found {
        Some(page) => page,
        None if oneself => {
            return Ok(html! { p.empty { (messages.not_ranked) } (back(messages, filter)) });
        }
        None => return Err(RankingError::ArtistUnknown.into()),
    };
    let marked = page.artists.iter().find(|row| row.ranked.standing.artist == artist);
    let name = marked.map_or("", |row| if oneself { messages.you } else { row.name.as_str() });
    Ok(html! {
        h2 { (messages.around_artist) " " (name) }
        (table(ctx, &page.artists, Some(artist), 0))
        (back(messages, filter))
    })
}

async fn search(
    queries: &Queries,
    ctx: &PageContext,
    filter: &BoardFilter,
    name: &str,
) -> Result<Markup, ApiError> {
    let messages = ctx.messages();
    let found = queries.ranked_by_name(&filter.board(), name, MAX_SEARCH_RESULTS).await?;
    Ok(html! {
        h2 { (messages.search_results) ": " q { (name) } }
        @if found.is_empty() {
            p.empty role="status" { (messages.nobody_found) }
        } @else {
            (table(ctx, &found, None, 0))
        }
        (back(messages, filter))
    })
}

fn back(messages: &Messages, filter: &BoardFilter) -> Markup {
    html! { p.back { a.button href=(filter.url(&[])) { (messages.back_to_ranking) } } }
}
