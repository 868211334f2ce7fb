//! `GET /me/videos`, and the page that asks before a video is deleted.

use axum::extract::State;
use axum::response::Response;
use commands::Answer;
use domain::VideoId;
use http::Uri;
use infra::read_models::Stage;
use maud::{Markup, html};
use projections::queries::OwnVideo;

use super::assets;
use super::gallery::votes;
use super::language::Language;
use super::layout::Page;
use super::sign_in::then;
use super::visit::{SignedIn, Visit};
use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::{Circumstances, QueryFields, VideoPath};
use crate::routes::media::{URL_VALID_FOR, signed_url_if_any};
use crate::routes::pending::failed;
use crate::routes::videos::own::reason_text;

pub(super) async fn list(
    State(state): State<Shared>,
    SignedIn { visit, person }: SignedIn,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = QueryFields::of(&uri);
    let words = visit.words();
    let notice = if query.has("uploaded") {
        Some(words.upload_received)
    } else if query.has("deleted") {
        Some(words.deleted)
    } else {
        None
    };
    let mut videos = Vec::new();
    for video in state.app.queries.videos_of(person).await? {
        let key = video.poster_key.as_deref();
        let poster = signed_url_if_any(state.app.storage.as_ref(), key, URL_VALID_FOR).await?;
        videos.push((video, poster));
    }
    let moves = videos.iter().any(|(video, _)| is_moving(video.stage));
    let media = videos.iter().find_map(|(_, poster)| poster.as_deref());
    let page = Page::new(&visit, words.my_videos).script(&assets::REFRESH).media(media);
    Ok(page.show(&html! {
        div.heading {
            h1 { (words.my_videos) }
            a.button.primary href="/me/upload" { (words.upload) }
        }
        @if let Some(notice) = notice { p.notice role="status" { (notice) } }
        @if videos.is_empty() { p.empty { (words.my_videos_empty) } }
        ul.own #videos data-refresh[moves] {
            @for (video, poster) in &videos { li { (entry(&visit, video, poster.as_deref())) } }
        }
    }))
}

fn is_moving(stage: Stage) -> bool {
    matches!(stage, Stage::Pending | Stage::Processing)
}

fn entry(visit: &Visit, video: &OwnVideo, poster: Option<&str>) -> Markup {
    let words = visit.words();
    let page = format!("/videos/{}", video.id);
    html! {
        article.video data-status=(video.stage.code()) {
            div.picture {
                @if let Some(poster) = poster {
                    img src=(poster) alt="" width="640" height="360" loading="lazy";
                }
            }
            div {
                h2 {
                    @if video.stage == Stage::Processed { a href=(page) { (video.title) } }
                    @else { (video.title) }
                }
                p {
                    span.status { (status(visit, video.stage)) } " · "
                    time datetime=(video.uploaded_at.to_rfc3339()) { (visit.language.day(video.uploaded_at)) }
                }
                @if let Some(percent) = video.progress {
                    p {
                        progress max="100" value=(percent) aria-label=(words.status_processing) {}
                        " " (percent) " " (words.percent_done)
                    }
                }
                @if let Some(reason) = video.failure {
                    p.error {
                        @match visit.language {
                            Language::Spanish => (reason_text(reason)),
                            Language::English => { (words.status_failed) ": " (reason.code().replace('_', " ")) }
                        }
                    }
                }
                @if video.stage == Stage::Processed { p.votes { (votes(visit, video.votes)) } }
                @if video.votes == 0 {
                    p { a.danger href={ "/me/videos/" (video.id) "/delete" } { (words.delete) span.unseen { " " (video.title) } } }
                }
            }
        }
    }
}

fn status(visit: &Visit, stage: Stage) -> &'static str {
    let words = visit.words();
    match stage {
        Stage::Pending => words.status_pending,
        Stage::Processing => words.status_processing,
        Stage::Processed => words.status_processed,
        Stage::Failed => words.status_failed,
        Stage::Deleted => words.deleted,
    }
}

pub(super) async fn ask(
    State(state): State<Shared>,
    SignedIn { visit, person }: SignedIn,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let video = own(&state, person, path.or(ApiError::VideoNotFound)?).await?;
    let words = visit.words();
    Ok(Page::new(&visit, words.delete_question).show(&html! {
        div.narrow {
            h1 { (words.delete_question) }
            p { strong { (video.title) } }
            p { (words.delete_explained) }
            form.row method="post" action=(visit.here) {
                button.primary.danger { (words.delete_yes) }
                a.button href="/me/videos" { (words.cancel) }
            }
        }
    }))
}

async fn own(
    state: &Shared,
    owner: domain::AccountId,
    video: VideoId,
) -> Result<OwnVideo, ApiError> {
    let video = state.app.queries.video(video).await?.ok_or(ApiError::VideoNotFound)?;
    if video.owner == owner { Ok(video) } else { Err(ApiError::NotYourVideo) }
}

pub(super) async fn delete(
    State(state): State<Shared>,
    SignedIn { person, .. }: SignedIn,
    Circumstances(context): Circumstances,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let video = path.or(ApiError::VideoNotFound)?;
    let answer = state.app.commands.delete(&context, person, video).await;
    match answer.map_err(failed(ApiError::DeletionRejected))? {
        Answer::Done(()) => Ok(then("/me/videos?deleted=1")),
        Answer::Pending(_) => Ok(then("/me/videos")),
    }
}
