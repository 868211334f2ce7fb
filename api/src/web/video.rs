//! `GET /videos/{id}` and its poster; `POST /videos/{id}/vote`.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use commands::{Answer, CommandContext, CommandStatus, Commands};
use domain::{Rejection, VideoId};
use http::Uri;
use maud::{Markup, html};
use projections::queries::{PublicVideo, Queries};

use super::assets;
use super::gallery::votes;
use super::layout::Page;
use super::page_context::PageContext;
use super::sign_in::see_other;
use crate::error::ApiError;
use crate::extract::{QueryFields, RequestContext, VideoPath};
use crate::media_urls::{MediaUrls, SIGNED_URL_TTL, hls_path};
use crate::routes::pending::failed;
use crate::state::PublicUrl;

/// Where a visitor stands with a video.
enum Ballot {
    SignedOut,
    Open,
    /// The vote stands in the log, and its verdict will come.
    Waiting,
    Voted,
}

pub(super) async fn page(
    State(queries): State<Queries>,
    State(commands): State<Commands>,
    State(urls): State<MediaUrls>,
    State(public_url): State<PublicUrl>,
    ctx: PageContext,
    path: VideoPath,
    uri: Uri,
) -> Result<Response, ApiError> {
    let id = path.or(ApiError::VideoNotFound)?;
    let command = QueryFields::of(&uri).take("command");
    let video = queries.public_video(id).await?.ok_or(ApiError::VideoNotFound)?;
    let ballot = ballot(&queries, &commands, &ctx, id, command.as_deref()).await?;
    let film = urls.signed(&video.processed_key, SIGNED_URL_TTL).await?;
    let poster = urls.signed_if_any(video.poster_key.as_deref(), SIGNED_URL_TTL).await?;
    let messages = ctx.messages();
    let address = format!("{}/videos/{id}", public_url.0);
    let page = Page::new(&ctx, video.title.as_str())
        .script(&assets::VIDEO)
        .allow_media_from(Some(&film))
        .head(preview(&ctx, &video, &address));
    Ok(page.render(&html! {
        article.player {
            div.screen {
                // Nothing of the film is loaded, and nothing in its frame moves, until somebody plays it.
                video controls playsinline preload="none" poster=[poster] {
                    // A browser takes the first that it can play.
                    @if video.hls_key.is_some() {
                        source src=(hls_path(id)) type="application/vnd.apple.mpegurl";
                    }
                    source src=(film) type="video/mp4";
                    p { (messages.no_video_support) " " a href=(film) { (video.title) } }
                }
            }
            div.heading {
                div {
                    h1 { (video.title) }
                    p { (messages.by) " " strong { (video.artist_name) } " · " (video.city) ", " (video.country) }
                    p.hint {
                        (messages.uploaded_on) " "
                        time datetime=(video.uploaded_at.to_rfc3339()) { (ctx.language.day(video.uploaded_at)) }
                    }
                }
                (vote_box(&ctx, &video, &ballot))
            }
            section.share aria-labelledby="share-title" {
                h2 #share-title { (messages.share) }
                div.row {
                    label.unseen for="link" { (messages.share_link) }
                    input #link readonly value=(address);
                    button #copy type="button" data-done=(messages.copied) hidden { (messages.copy) }
                }
                p #copy-news role="status" {}
            }
        }
    }))
}

/// What other sites show of a link: <https://ogp.me>.
fn preview(ctx: &PageContext, video: &PublicVideo, address: &str) -> Markup {
    let messages = ctx.messages();
    let about = format!("{} · {}, {}", video.artist_name, video.city, video.country);
    let properties = [
        ("og:type", "video.other"),
        ("og:site_name", messages.contest),
        ("og:title", video.title.as_str()),
        ("og:description", about.as_str()),
        ("og:url", address),
    ];
    html! {
        link rel="canonical" href=(address);
        meta name="description" content=(about);
        meta name="twitter:card" content="summary_large_image";
        @for (property, content) in properties { meta property=(property) content=(content); }
        // Signed links end; this one stays.
        @if video.poster_key.is_some() { meta property="og:image" content={ (address) "/poster" }; }
    }
}

async fn ballot(
    queries: &Queries,
    commands: &Commands,
    ctx: &PageContext,
    video: VideoId,
    command: Option<&str>,
) -> Result<Ballot, ApiError> {
    let Some(voter) = ctx.account else { return Ok(Ballot::SignedOut) };
    if queries.has_voted(voter, video).await? {
        return Ok(Ballot::Voted);
    }
    let Some(command) = command else { return Ok(Ballot::Open) };
    let status = commands.status(command).await.map_err(failed(ApiError::VoteRejected))?;
    Ok(match status {
        Some(CommandStatus::Pending) => Ballot::Waiting,
        Some(CommandStatus::Accepted { .. }) => Ballot::Voted,
        Some(CommandStatus::Rejected(_)) | None => Ballot::Open,
    })
}

fn vote_box(ctx: &PageContext, video: &PublicVideo, ballot: &Ballot) -> Markup {
    let messages = ctx.messages();
    let here = format!("/videos/{}", video.id);
    html! {
        section.ballot #ballot aria-label=(messages.vote) data-refresh[matches!(ballot, Ballot::Waiting)] {
            p.votes { (votes(ctx, video.votes)) }
            @match ballot {
                Ballot::SignedOut => {
                    a.button.primary href={ "/sign-in?next=" (here) } { (messages.sign_in_to_vote) }
                }
                Ballot::Open => {
                    form method="post" action={ (here) "/vote" } {
                        button.primary { (messages.vote) }
                    }
                }
                Ballot::Waiting => {
                    p role="status" { strong { (messages.vote_pending) } " " (messages.vote_pending_hint) }
                    a.button href=(ctx.path_and_query) { (messages.refresh) }
                }
                Ballot::Voted => {
                    p role="status" { strong.done { "✓ " (messages.voted) } br; (messages.voted_hint) }
                }
            }
        }
    }
}

pub(super) async fn poster(
    State(queries): State<Queries>,
    State(urls): State<MediaUrls>,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let id = path.or(ApiError::VideoNotFound)?;
    let video = queries.public_video(id).await?.ok_or(ApiError::VideoNotFound)?;
    let key = video.poster_key.ok_or(ApiError::MediaGone)?;
    let url = urls.signed(&key, SIGNED_URL_TTL).await?;
    Ok(Redirect::temporary(&url).into_response())
}

pub(super) async fn vote(
    State(commands): State<Commands>,
    ctx: PageContext,
    RequestContext(context): RequestContext,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let video = path.or(ApiError::VoteRejected(Rejection::VideoUnknown))?;
    let here = format!("/videos/{video}");
    let Some(voter) = ctx.account else { return Ok(ctx.redirect_to_sign_in(&here)) };
    // A form that is sent twice is one vote, and no error.
    let context = CommandContext { idempotency_key: Some(format!("page {video}")), ..context };
    let voted = commands.vote(&context, voter, video).await;
    match voted.map_err(failed(ApiError::VoteRejected)) {
        Ok(Answer::Pending(token)) => Ok(see_other(&format!("{here}?command={token}"))),
        Ok(Answer::Done(_)) | Err(ApiError::VoteRejected(Rejection::AlreadyVoted)) => {
            Ok(see_other(&here))
        }
        Err(error) => Err(error),
    }
}
