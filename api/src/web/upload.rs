//! `GET` and `POST /me/upload`

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::assets;
use super::fields::{Draft, Field};
use super::layout::Page;
use super::sign_in::then;
use super::visit::{SignedIn, Visit};
use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::{Circumstances, WebForm};
use crate::routes::videos::upload::enter;

pub(super) async fn form(
    State(state): State<Shared>,
    SignedIn { visit, .. }: SignedIn,
) -> Response {
    show(&state, &visit, &Draft::default(), StatusCode::OK)
}

pub(super) async fn submit(
    State(state): State<Shared>,
    SignedIn { visit, person: owner }: SignedIn,
    Circumstances(context): Circumstances,
    request: Request,
) -> Result<Response, ApiError> {
    let words = visit.words();
    let refused = |text: &str, status| {
        let draft = Draft::wrong(WebForm::default(), "file", text);
        Ok(show(&state, &visit, &draft, status))
    };
    match enter(&state, owner, &context, request).await {
        Ok(_) => Ok(then("/me/videos?uploaded=1")),
        Err(ApiError::Validation(problems)) => {
            let draft = Draft::refused(WebForm::default(), &visit, &problems);
            Ok(show(&state, &visit, &draft, StatusCode::UNPROCESSABLE_ENTITY))
        }
        Err(ApiError::NoFile | ApiError::NotAVideo) => {
            refused(words.not_a_video, StatusCode::BAD_REQUEST)
        }
        Err(ApiError::VideoTooLarge) => refused(words.too_large, StatusCode::BAD_REQUEST),
        Err(error) => Err(error),
    }
}

fn show(state: &Shared, visit: &Visit, draft: &Draft, status: StatusCode) -> Response {
    let words = visit.words();
    let max = state.app.settings.max_video_size;
    let limit = format!(
        "{} {}: {} MB.",
        words.upload_hint,
        words.upload_limit,
        visit.language.number(max / (1024 * 1024))
    );
    let title =
        Field { name: "title", label: words.title, kind: "text", autocomplete: "off", hint: None };
    let page = Page::new(visit, words.upload).status(status).script(&assets::UPLOAD);
    page.chosen_files().show(&html! {
        div.narrow {
            h1 { (words.upload) }
            (draft.summary(words))
            form.card #upload method="post" action="/me/upload" enctype="multipart/form-data"
                data-max=(max) data-too-large=(words.too_large) data-not-a-video=(words.not_a_video)
                data-too-many=(words.too_many_uploads) data-bad-title=(words.title_rule)
                data-waiting=(words.upload_waits) data-goes-on=(words.upload_goes_on)
                data-stopped=(words.upload_stopped) {
                (draft.field(&title))
                div.field {
                    label for="description" { (words.description) " (" (words.optional) ")" }
                    (draft.notes("description", None))
                    textarea #description name="description" rows="4" maxlength="2000" {}
                }
                div.field.drop data-drop=(words.drop_here) {
                    label for="file" { (words.file) }
                    (draft.notes("file", Some(&limit)))
                    input #file type="file" name="file" accept="video/*" required
                        aria-describedby=[draft.described("file", Some(&limit))];
                    video #preview muted playsinline controls hidden {}
                }
                div.field #sending hidden {
                    label for="progress" { (words.sending) }
                    progress #progress max="100" value="0" {}
                    button #stop type="button" { (words.cancel) }
                }
                p.error #upload-news role="alert" {}
                button.primary #send { (words.send) }
            }
        }
    })
}
