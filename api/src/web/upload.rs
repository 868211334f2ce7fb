//! `GET` and `POST /me/upload`

use axum::extract::{Request, State};
use axum::response::Response;
use commands::Commands;
use http::StatusCode;
use maud::html;

use super::assets;
use super::form::{Field, FormState};
use super::layout::Page;
use super::page_context::{PageContext, SignedIn};
use super::redirect::see_other;
use crate::error::{ApiError, VideoError};
use crate::extract::{RequestContext, WebForm};
use crate::routes::videos::upload;
use crate::state::MaxVideoSize;

pub(super) async fn form(
    State(max_size): State<MaxVideoSize>,
    SignedIn { ctx, .. }: SignedIn,
) -> Response {
    show(max_size, &ctx, &FormState::default(), StatusCode::OK)
}

pub(super) async fn submit(
    State(commands): State<Commands>,
    State(max_size): State<MaxVideoSize>,
    SignedIn { ctx, account: owner }: SignedIn,
    RequestContext(context): RequestContext,
    request: Request,
) -> Result<Response, ApiError> {
    let messages = ctx.messages();
    let rejected = |text: &str, status| {
        let form_state = FormState::with_error(WebForm::default(), "file", text);
        Ok(show(max_size, &ctx, &form_state, status))
    };
    match upload::submit(&commands, max_size, owner, &context, request).await {
        Ok(_) => Ok(see_other("/me/videos?uploaded=1")),
        Err(ApiError::Validation(problems)) => {
            let form_state = FormState::invalid(WebForm::default(), &ctx, &problems);
            Ok(show(max_size, &ctx, &form_state, StatusCode::UNPROCESSABLE_ENTITY))
        }
        Err(ApiError::Video(VideoError::NoFile | VideoError::NotAVideo)) => {
            rejected(messages.not_a_video, StatusCode::BAD_REQUEST)
        }
        Err(ApiError::Video(VideoError::TooLarge)) => {
            rejected(messages.file_too_large, StatusCode::BAD_REQUEST)
        }
        Err(error) => Err(error),
    }
}

fn show(
    MaxVideoSize(max): MaxVideoSize,
    ctx: &PageContext,
    form_state: &FormState,
    status: StatusCode,
) -> Response {
    let messages = ctx.messages();
    let limit = format!(
        "{} {}: {} MB.",
        messages.upload_hint,
        messages.upload_limit,
        ctx.language.number(max / (1024 * 1024))
    );
    let title = Field {
        name: "title",
        label: messages.title,
        kind: "text",
        autocomplete: "off",
        hint: None,
    };
    let page = Page::new(ctx, messages.upload).status(status).script(&assets::UPLOAD);
    page.allow_blob_media().render(&html! {
        div.narrow {
            h1 { (messages.upload) }
            (form_state.summary(messages))
            form.card #upload method="post" action="/me/upload" enctype="multipart/form-data"
                data-max=(max) data-too-large=(messages.file_too_large) data-not-a-video=(messages.not_a_video)
                data-too-many=(messages.too_many_uploads) data-bad-title=(messages.title_rule)
                data-waiting=(messages.upload_offline) data-goes-on=(messages.upload_resumes)
                data-stopped=(messages.upload_interrupted) {
                (form_state.field(&title))
                div.field {
                    label for="description" { (messages.description) " (" (messages.optional) ")" }
                    (form_state.notes("description", None))
                    textarea #description name="description" rows="4" maxlength="2000" {}
                }
                div.field.drop {
                    label for="file" { (messages.file) }
                    (form_state.notes("file", Some(&limit)))
                    input #file type="file" name="file" accept="video/*" required
                        aria-describedby=[form_state.described_by("file", Some(&limit))];
                    video #preview muted playsinline controls hidden {}
                }
                div.field #sending hidden {
                    label for="progress" { (messages.sending) }
                    progress #progress max="100" value="0" {}
                    button #stop type="button" { (messages.cancel) }
                }
                p.error #upload-news role="alert" {}
                button.primary #send { (messages.upload_now) }
            }
        }
    })
}
