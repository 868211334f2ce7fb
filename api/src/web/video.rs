//! `GET /videos/{id}` and its poster; `POST /videos/{id}/vote`.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use commands::{Answer, CommandContext, CommandStatus, Commands};
use domain::{Rejection, VideoId};
use http::Uri;
use maud::{Markup, html};
use projections::queries::{PublicVideo, Queries};

use super::assets;
use super::layout::Page;
use super::page_context::PageContext;
use super::redirect::{self, see_other};
use crate::error::{ApiError, MediaError, RejectedCommand, VideoError};
use crate::extract::{QueryFields, RequestContext, VideoPath};
use crate::media_urls::{MediaUrls, SIGNED_URL_TTL, hls_path};
use crate::routes::command_response::failed;
use crate::state::PublicUrl;

/// What a visitor can do about a video.
enum VoteState {
    SignedOut,
    CanVote,
    /// The vote is in the log and has no verdict yet.
    Pending,
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
    let id = path.or(VideoError::NotFound)?;
    let command = QueryFields::of(&uri).take("command");
    let video = queries.public_video(id).await?.ok_or(VideoError::NotFound)?;
    let vote_state = vote_state(&queries, &commands, &ctx, id, command.as_deref()).await?;
    let video_url = urls.signed(&video.processed_key, SIGNED_URL_TTL).await?;
    let poster = urls.signed_if_any(video.poster_key.as_deref(), SIGNED_URL_TTL).await?;
    let messages = ctx.messages();
    let address = format!("{}/videos/{id}", public_url.0);
    let page = Page::new(&ctx, video.title.as_str())
        .script(&assets::VIDEO)
        .allow_media_from(Some(&video_url))
        .head(preview(&ctx, &video, &address));
    Ok(page.render(&html! {
        article.player {
            div.screen {
                // `preload="none"`: a video costs no traffic until somebody plays it.
                video controls playsinline preload="none" poster=[poster] {
                    // A browser plays the first source that it supports.
                    @if video.hls_key.is_some() {
                        source src=(hls_path(id)) type="application/vnd.apple.mpegurl";
                    }
                    source src=(video_url) type="video/mp4";
                    p { (messages.no_video_support) " " a href=(video_url) { (video.title) } }
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
                (vote_box(&ctx, &video, &vote_state))
            }
            section.share aria-labelledby="share-title" {
                h2 #share-title { (messages.share) }
                div.row {
                    label.visually-hidden for="link" { (messages.share_link) }
                    input #link readonly value=(address);
                    button #copy type="button" data-done=(messages.copied) hidden { (messages.copy) }
                }
                p #copy-news role="status" {}
            }
        }
    }))
}

/// What other sites show for a link to this page: <https://ogp.me>.
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
        // Signed URLs expire; this path does not.
        @if video.poster_key.is_some() { meta property="og:image" content={ (address) "/poster" }; }
    }
}

async fn vote_state(
    queries: &Queries,
    commands: &Commands,
    ctx: &PageContext,
    video: VideoId,
    command: Option<&str>,
) -> Result<VoteState, ApiError> {
    let Some(voter) = ctx.account else { return Ok(VoteState::SignedOut) };
    if queries.has_voted(voter, video).await? {
        return Ok(VoteState::Voted);
    }
    let Some(command) = command else { return Ok(VoteState::CanVote) };
    let status = commands.status(command).await.map_err(failed(RejectedCommand::Vote))?;
    Ok(match status {
        Some(CommandStatus::Pending) => VoteState::Pending,
        Some(CommandStatus::Accepted { .. }) => VoteState::Voted,
        Some(CommandStatus::Rejected(_)) | None => VoteState::CanVote,
    })
}

fn vote_box(ctx: &PageContext, video: &PublicVideo, state: &VoteState) -> Markup {
    let messages = ctx.messages();
    let page = format!("/videos/{}", video.id);
    html! {
        section.ballot #ballot aria-label=(messages.vote) data-refresh[matches!(state, VoteState::Pending)] {
            p.votes { (ctx.vote_count(video.votes)) }
            @match state {
                VoteState::SignedOut => {
                    a.button.primary href={ "/sign-in?next=" (page) } { (messages.sign_in_to_vote) }
                }
                VoteState::CanVote => {
                    form method="post" action={ (page) "/vote" } {
                        button.primary { (messages.vote) }
                    }
                }
                VoteState::Pending => {
                    p role="status" { strong { (messages.vote_pending) } " " (messages.vote_pending_hint) }
                    a.button href=(ctx.path_and_query) { (messages.refresh) }
                }
                VoteState::Voted => {
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
    let id = path.or(VideoError::NotFound)?;
    let video = queries.public_video(id).await?.ok_or(VideoError::NotFound)?;
    let key = video.poster_key.ok_or(MediaError::Gone)?;
    let url = urls.signed(&key, SIGNED_URL_TTL).await?;
    Ok(Redirect::temporary(&url).into_response())
}

pub(super) async fn vote(
    State(commands): State<Commands>,
    ctx: PageContext,
    RequestContext(context): RequestContext,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let video = path.or(RejectedCommand::Vote(Rejection::VideoUnknown))?;
    let page = format!("/videos/{video}");
    let Some(voter) = ctx.account else { return Ok(redirect::sign_in(&page)) };
    // The key makes a form that is sent twice one vote and no error.
    let context = CommandContext { idempotency_key: Some(format!("page {video}")), ..context };
    let voted = commands.vote(&context, voter, video).await;
    match voted.map_err(failed(RejectedCommand::Vote)) {
        Ok(Answer::Pending(token)) => Ok(see_other(&format!("{page}?command={token}"))),
        Ok(Answer::Done(_))
        | Err(ApiError::Rejected(RejectedCommand::Vote(Rejection::AlreadyVoted))) => {
            Ok(see_other(&page))
        }
        Err(error) => Err(error),
    }
}
