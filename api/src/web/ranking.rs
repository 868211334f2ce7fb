//! `GET /`: the ranking.

use axum::extract::State;
use axum::response::Response;
use domain::AccountId;
use http::{StatusCode, Uri};
use maud::{Markup, html};
use projections::queries::{RankedArtist, RankingPage};

use super::assets;
use super::boards::Choice;
use super::layout::Page;
use super::paging::{self, Extent};
use super::visit::Visit;
use super::words::Words;
use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::{Paging, QueryFields};

const ROWS: u32 = 20;
/// Rows around an artist.
const AROUND: u32 = 11;
/// Artists that a search shows at most.
const FOUND: u32 = 20;

/// What is to be seen of a board.
enum View {
    Page(Paging),
    /// The rows around an artist.
    Around(AccountId),
    Search(String),
}

pub(super) async fn page(
    State(state): State<Shared>,
    visit: Visit,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let choice = Choice::of(&mut query);
    let artist = match query.take("artist").as_deref() {
        None | Some("") => None,
        Some("me") => match visit.somebody() {
            Ok(person) => Some(person),
            Err(sign_in) => return Ok(*sign_in),
        },
        Some(artist) => Some(artist.parse().map_err(|_| ApiError::ArtistUnknown)?),
    };
    let view = view(&mut query, artist);
    query.finish()?;
    let board = choice.board();
    let searched = match &view {
        View::Search(name) => name.clone(),
        View::Page(_) | View::Around(_) => String::new(),
    };
    let (content, live) = match view {
        View::Page(paging) => {
            let erasures = state.web.erasures();
            let page = state.web.page(&state.app.queries, &board, paging).await?;
            let chart = match paging.page {
                1 => state.web.chart(&state.app.queries, erasures, &board, &page.artists).await,
                _ => None,
            };
            let content = html! {
                (rows_of(&visit, &choice, paging, &page))
                @if let Some(chart) = chart { (chart.show(&visit)) }
            };
            (content, Some(page.edition))
        }
        View::Around(artist) => (around(&state, &visit, &choice, artist).await?, None),
        View::Search(name) => (search(&state, &visit, &choice, &name).await?, None),
    };
    let words = visit.words();
    let boards = state.web.boards(&state.app.queries)?;
    let title = choice.title(words);
    let stream = live.map(|edition| choice.stream(&state.live.id(edition)));
    let page = Page::new(&visit, title.as_str()).status(StatusCode::OK).script(&assets::RANKING);
    Ok(page.show(&html! {
        div.heading {
            div {
                p.tagline { (words.tagline) }
                h1 { (title) }
            }
            @if let Some(stream) = &stream {
                p.live #live data-stream=(stream) data-lost=(words.live_lost) data-live=(words.live) hidden {
                    span.dot aria-hidden="true" {} span.text { (words.live) }
                }
            }
        }
        (choice.bar(&visit, &boards))
        (search_form(&visit, &choice, &searched))
        (content)
    }))
}

fn view(query: &mut QueryFields, artist: Option<AccountId>) -> View {
    let name = query.take("q").unwrap_or_default();
    let name = name.trim();
    if !name.is_empty() {
        return View::Search(name.chars().take(100).collect());
    }
    if let Some(artist) = artist {
        return View::Around(artist);
    }
    let page = query.integer("page", 1, 1, None);
    View::Page(Paging { page, page_size: ROWS })
}

fn search_form(visit: &Visit, choice: &Choice, searched: &str) -> Markup {
    let words = visit.words();
    html! {
        form.search method="get" action="/" role="search" {
            (choice.hidden())
            label.unseen for="q" { (words.search) }
            div.row {
                input #q type="search" name="q" value=(searched) maxlength="100" autocomplete="off"
                    aria-describedby="q-hint";
                button { (words.search) }
                @if visit.person.is_some() {
                    a.button href=(choice.link(&[("artist", "me")])) { (words.find_me) }
                }
            }
            p.hint #q-hint { (words.search_hint) }
        }
    }
}

/// A page of the board. The first one follows what happens.
fn rows_of(visit: &Visit, choice: &Choice, paging: Paging, page: &RankingPage) -> Markup {
    let words = visit.words();
    let extent = Extent::Pages(paging.total_pages(page.total));
    html! {
        p.count { strong #total { (visit.language.number(page.total)) } " " (words.artists) }
        @if page.total == 0 {
            p.empty { (words.nobody_ranks) }
        }
        (table(visit, &page.artists, None, paging.page))
        (paging::links(visit, paging.page, extent, |page| choice.link(&[("page", page)])))
    }
}

fn table(visit: &Visit, artists: &[RankedArtist], marked: Option<AccountId>, page: u64) -> Markup {
    let words = visit.words();
    html! {
        table.ranking data-page=(page) data-size=(ROWS) data-language=(visit.language.tag()) {
            caption.unseen { (words.ranking) }
            thead {
                tr {
                    th scope="col" { (words.place) }
                    th scope="col" { (words.artist) }
                    th.origin scope="col" { (words.origin) }
                    th.votes scope="col" { (words.votes) }
                }
            }
            tbody #rows { @for artist in artists { (row(visit, artist, marked)) } }
        }
        // What a row that comes in later is made of.
        template #row {
            tr {
                td.place {} th.artist scope="row" { a.name {} span.from {} } td.origin {} td.votes {}
            }
        }
        p #news.unseen role="status" data-place=(words.place) {}
    }
}

fn row(visit: &Visit, artist: &RankedArtist, marked: Option<AccountId>) -> Markup {
    let ranked = &artist.ranked;
    let id = ranked.standing.artist;
    let origin = format!("{}, {}", ranked.city, ranked.country);
    html! {
        tr data-artist=(id) aria-current=[(marked == Some(id)).then_some("true")] {
            td.place { (visit.language.number(ranked.position)) }
            th.artist scope="row" {
                a.name href={ "/?artist=" (id) } { (artist.name) }
                span.from { (origin) }
            }
            td.origin { (origin) }
            td.votes { (visit.language.number(ranked.standing.votes)) }
        }
    }
}

async fn around(
    state: &Shared,
    visit: &Visit,
    choice: &Choice,
    artist: AccountId,
) -> Result<Markup, ApiError> {
    let words = visit.words();
    let oneself = visit.person == Some(artist);
    let found = state.app.queries.ranking_around(&choice.board(), artist, AROUND).await?;
    let page = match found {
        Some(page) => page,
        None if oneself => {
            return Ok(html! { p.empty { (words.not_ranked) } (back(words, choice)) });
        }
        None => return Err(ApiError::ArtistUnknown),
    };
    let marked = page.artists.iter().find(|row| row.ranked.standing.artist == artist);
    let name = marked.map_or("", |row| if oneself { words.you } else { row.name.as_str() });
    Ok(html! {
        h2 { (words.around) " " (name) }
        (table(visit, &page.artists, Some(artist), 0))
        (back(words, choice))
    })
}

async fn search(
    state: &Shared,
    visit: &Visit,
    choice: &Choice,
    name: &str,
) -> Result<Markup, ApiError> {
    let words = visit.words();
    let found = state.app.queries.ranked_by_name(&choice.board(), name, FOUND).await?;
    Ok(html! {
        h2 { (words.search_results) ": " q { (name) } }
        @if found.is_empty() {
            p.empty role="status" { (words.nobody_found) }
        } @else {
            (table(visit, &found, None, 0))
        }
        (back(words, choice))
    })
}

fn back(words: &Words, choice: &Choice) -> Markup {
    html! { p.back { a.button href=(choice.link(&[])) { (words.back_to_ranking) } } }
}
