//! `GET /me/videos`, and the deletion of a video with its confirmation page.

use axum::extract::State;
use axum::response::Response;
use commands::{Answer, Commands};
use domain::VideoStatus;
use http::Uri;
use maud::{Markup, html};
use projections::queries::{OwnVideo, Queries};

use super::assets;
use super::language::Language;
use super::layout::Page;
use super::page_context::{PageContext, SignedIn};
use super::redirect::see_other;
use crate::error::{ApiError, RejectedCommand, VideoError};
use crate::extract::{QueryFields, RequestContext, VideoPath};
use crate::media_urls::{MediaUrls, SIGNED_URL_TTL};
use crate::routes::command_response::failed;
use crate::routes::videos::own::{self, reason_text};

pub(super) async fn list(
    State(queries): State<Queries>,
    State(urls): State<MediaUrls>,
    SignedIn { ctx, account }: SignedIn,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = QueryFields::of(&uri);
    let messages = ctx.messages();
    let notice = if query.has("uploaded") {
        Some(messages.upload_received)
    } else if query.has("deleted") {
        Some(messages.deleted)
    } else {
        None
    };
    let mut videos = Vec::new();
    for video in queries.videos_of(account).await? {
        let key = video.poster_key.as_deref();
        let poster = urls.signed_if_any(key, SIGNED_URL_TTL).await?;
        videos.push((video, poster));
    }
    let unfinished = videos.iter().any(|(video, _)| video.status.awaits_processing());
    let media = videos.iter().find_map(|(_, poster)| poster.as_deref());
    let page = Page::new(&ctx, messages.my_videos).script(&assets::REFRESH).allow_media_from(media);
    Ok(page.render(&html! {
        div.heading {
            h1 { (messages.my_videos) }
            a.button.primary href="/me/upload" { (messages.upload) }
        }
        @if let Some(notice) = notice { p.notice role="status" { (notice) } }
        @if videos.is_empty() { p.empty { (messages.my_videos_empty) } }
        ul.own #videos data-refresh[unfinished] {
            @for (video, poster) in &videos { li { (card(&ctx, video, poster.as_deref())) } }
        }
    }))
}

fn card(ctx: &PageContext, video: &OwnVideo, poster: Option<&str>) -> Markup {
    let messages = ctx.messages();
    let page = format!("/videos/{}", video.id);
    html! {
        article.video data-status=(video.status.code()) {
            div.picture {
                @if let Some(poster) = poster {
                    img src=(poster) alt="" width="640" height="360" loading="lazy";
                }
            }
            div {
                h2 {
                    @if video.status == VideoStatus::Processed { a href=(page) { (video.title) } }
                    @else { (video.title) }
                }
                p {
                    span.status { (status(ctx, video.status)) } " · "
                    time datetime=(video.uploaded_at.to_rfc3339()) { (ctx.language.day(video.uploaded_at)) }
                }
                @if let Some(percent) = video.progress {
                    p {
                        progress max="100" value=(percent) aria-label=(messages.status_processing) {}
                        " " (percent) " " (messages.percent_done)
                    }
                }
                @if let Some(reason) = video.failure {
                    p.error {
                        @match ctx.language {
                            Language::Spanish => (reason_text(reason)),
                            Language::English => { (messages.status_failed) ": " (reason.code().replace('_', " ")) }
                        }
                    }
                }
                @if video.status == VideoStatus::Processed { p.votes { (ctx.vote_count(video.votes)) } }
                @if video.votes == 0 {
                    p { a.danger href={ "/me/videos/" (video.id) "/delete" } { (messages.delete) span.visually-hidden { " " (video.title) } } }
                }
            }
        }
    }
}

fn status(ctx: &PageContext, status: VideoStatus) -> &'static str {
    let messages = ctx.messages();
    match status {
        VideoStatus::Pending => messages.status_pending,
        VideoStatus::Processing => messages.status_processing,
        VideoStatus::Processed => messages.status_processed,
        VideoStatus::Failed => messages.status_failed,
        VideoStatus::Deleted => messages.deleted,
    }
}

pub(super) async fn confirm_delete(
    State(queries): State<Queries>,
    SignedIn { ctx, account }: SignedIn,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let video = own::find(&queries, account, path.or(VideoError::NotFound)?).await?;
    let messages = ctx.messages();
    Ok(Page::new(&ctx, messages.delete_question).render(&html! {
        div.narrow {
            h1 { (messages.delete_question) }
            p { strong { (video.title) } }
            p { (messages.delete_explained) }
            form.row method="post" action=(ctx.path_and_query) {
                button.primary.danger { (messages.delete_yes) }
                a.button href="/me/videos" { (messages.cancel) }
            }
        }
    }))
}

pub(super) async fn delete(
    State(commands): State<Commands>,
    SignedIn { account, .. }: SignedIn,
    RequestContext(context): RequestContext,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let video = path.or(VideoError::NotFound)?;
    let answer = commands.delete(&context, account, video).await;
    match answer.map_err(failed(RejectedCommand::Deletion))? {
        Answer::Done(()) => Ok(see_other("/me/videos?deleted=1")),
        Answer::Pending(_) => Ok(see_other("/me/videos")),
    }
}
