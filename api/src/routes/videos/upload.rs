//! `POST /api/videos/upload`

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use commands::{Answer, CommandContext, Commands, NewVideo, StoredOriginal, UploadedVideo};
use domain::AccountId;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use multer::Multipart;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::form::{self, FilePart, Form, TextPart};
use super::upload_body::{Monitor, UploadBody};
use crate::error::{ApiError, ErrorBody, Problem, RejectedCommand, RequestPart, VideoError};
use crate::extract::{Actor, RequestContext};
use crate::routes::command_response::{Pending, failed, respond};
use crate::state::MaxVideoSize;
use crate::text::TextRule;

/// The most bytes of the form beside the file.
const MAX_FORM_OVERHEAD: u64 = 1024 * 1024;
/// In characters.
const MAX_TITLE: usize = 200;
/// In characters.
const MAX_DESCRIPTION: usize = 2000;
pub(crate) const TITLE: TextRule = TextRule::line(1, MAX_TITLE);
pub(crate) const DESCRIPTION: TextRule = TextRule::lines(MAX_DESCRIPTION);

/// A video and its title.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form; `form::read` reads it as it streams in")]
pub(crate) struct Upload {
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// A video: MP4, QuickTime, WebM, Matroska or AVI.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    #[schema(max_length = 2000)]
    description: Option<String>,
}

/// A video that waits for processing.
#[derive(Serialize, ToSchema)]
pub(crate) struct Uploaded {
    video_id: Uuid,
    user_id: Uuid,
    title: String,
    description: Option<String>,
    #[schema(example = "pending")]
    status: &'static str,
    uploaded_at: DateTime<Utc>,
}

/// Enters a video into the contest.
#[utoipa::path(
    post, path = "/api/videos/upload", tag = "videos", security(("bearer" = [])),
    request_body(content = Upload, content_type = "multipart/form-data"),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses(
        (status = 201, body = Uploaded),
        (status = 202, body = Pending, description = "Recorded; the verdict will come"),
        (status = 400, body = ErrorBody, description = "No file, no video, or too large"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 408, body = ErrorBody, description = "The body came too slowly"),
        (status = 409, body = ErrorBody),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn upload(
    State(commands): State<Commands>,
    State(max_size): State<MaxVideoSize>,
    Actor(actor): Actor,
    RequestContext(context): RequestContext,
    request: Request,
) -> Result<Response, ApiError> {
    let SubmittedVideo { title, description, answer } =
        submit(&commands, max_size, actor, &context, request).await?;
    Ok(respond(answer, |video| {
        let AccountId(user_id) = actor;
        let body = Uploaded {
            video_id: video.video_id.0,
            user_id,
            title,
            description,
            status: "pending",
            uploaded_at: video.uploaded_at,
        };
        (StatusCode::CREATED, Json(body)).into_response()
    }))
}

/// A video that was submitted, and the answer of the command.
pub(crate) struct SubmittedVideo {
    title: String,
    description: Option<String>,
    pub(crate) answer: Answer<UploadedVideo>,
}

/// Reads the form as it streams in, and submits its video to the contest.
pub(crate) async fn submit(
    commands: &Commands,
    max_size: MaxVideoSize,
    actor: AccountId,
    context: &CommandContext,
    request: Request,
) -> Result<SubmittedVideo, ApiError> {
    let (parts, body) = request.into_parts();
    let form = read(commands, max_size, &parts.headers, body).await?;
    let new = check(form)?;
    let (title, description) = (new.title.clone(), new.description.clone());
    let answer =
        commands.upload(context, actor, new).await.map_err(failed(RejectedCommand::Upload))?;
    Ok(SubmittedVideo { title, description, answer })
}

async fn read(
    commands: &Commands,
    MaxVideoSize(max_size): MaxVideoSize,
    headers: &HeaderMap,
    body: Body,
) -> Result<Form, ApiError> {
    let Some(boundary) = boundary(headers)? else {
        return Ok(Form::default()); // Another type: all parts are missing.
    };
    let monitor = Monitor::default();
    let body = UploadBody::new(body, max_size.saturating_add(MAX_FORM_OVERHEAD), monitor.clone());
    let multipart = Multipart::new(body, boundary);
    form::read(multipart, &monitor, commands, max_size).await
}

/// The boundary of a `multipart/form-data` body; `None` if the body is declared as something else.
fn boundary(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let declared = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let declared = declared.unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        return Ok(None);
    }
    match multer::parse_boundary(declared) {
        Ok(boundary) if !boundary.is_empty() => Ok(Some(boundary)),
        _ => Err(VideoError::NoBoundary.into()),
    }
}

/// Checks the texts first, because a client can fix all of them at once; then the file.
fn check(form: Form) -> Result<NewVideo, ApiError> {
    let mut problems = Vec::new();
    let title = match form.title {
        TextPart::Absent => {
            Err(Problem::missing(RequestPart::Body, "title").with_input(Some(Value::Null)))
        }
        other => text("title", other, TITLE, MAX_TITLE),
    };
    let file = match form.file {
        FilePart::Absent => {
            Err(Problem::missing(RequestPart::Body, "file").with_input(Some(Value::Null)))
        }
        FilePart::Text => {
            let what = "Expected UploadFile, received: <class 'str'>";
            Err(Problem::value(RequestPart::Body, "file", what))
        }
        FilePart::Several => Err(Problem::value(RequestPart::Body, "file", "Expected one file")),
        other => Ok(other),
    };
    let description = match form.description {
        TextPart::Absent => Ok(String::new()),
        other => text("description", other, DESCRIPTION, MAX_DESCRIPTION),
    };
    let title = collect(title, &mut problems);
    let file = collect(file, &mut problems);
    let description = collect(description, &mut problems);
    let (Some(title), Some(file), Some(description)) = (title, file, description) else {
        return Err(ApiError::Validation(problems));
    };
    let original = original_of(file)?;
    let description = (!description.is_empty()).then_some(description);
    Ok(NewVideo { title, description, original })
}

fn collect<T>(checked: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    checked.map_err(|problem| problems.push(problem)).ok()
}

fn text(
    field: &'static str,
    part: TextPart,
    rule: TextRule,
    max: usize,
) -> Result<String, Problem> {
    match part {
        TextPart::Text(text) => rule.check(RequestPart::Body, field, &text),
        TextPart::TooLong => Err(Problem::too_long(RequestPart::Body, field, max)),
        TextPart::NotUtf8 => Err(Problem::value(RequestPart::Body, field, "El texto no es UTF-8")),
        TextPart::File | TextPart::Absent => Err(Problem::not_a_string(RequestPart::Body, field)),
    }
}

fn original_of(file: FilePart) -> Result<StoredOriginal, ApiError> {
    match file {
        FilePart::Stored(original) => Ok(original),
        FilePart::NotAVideo => Err(VideoError::NotAVideo.into()),
        FilePart::Nameless | FilePart::Absent | FilePart::Text | FilePart::Several => {
            Err(VideoError::NoFile.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn boundary_of(content_type: &'static str) -> Result<Option<String>, ApiError> {
        let value = HeaderValue::from_static(content_type);
        boundary(&HeaderMap::from_iter([(CONTENT_TYPE, value)]))
    }

    #[test]
    fn a_multipart_form_needs_a_boundary() {
        let found = boundary_of("Multipart/Form-Data; boundary=\"a b\"");
        assert_eq!(found.unwrap().as_deref(), Some("a b"));
        for bad in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data;"]
        {
            assert!(
                matches!(boundary_of(bad), Err(ApiError::Video(VideoError::NoBoundary))),
                "{bad}"
            );
        }
        for other in ["application/json", "multipart/mixed; boundary=x", ""] {
            assert!(matches!(boundary_of(other), Ok(None)), "{other}");
        }
        assert!(matches!(boundary(&HeaderMap::new()), Ok(None)));
    }

    fn kinds(form: Form) -> Vec<(String, &'static str)> {
        match check(form) {
            Err(ApiError::Validation(problems)) => problems
                .iter()
                .map(|problem| {
                    let loc = serde_json::to_value(&problem.loc).unwrap();
                    (loc[1].as_str().unwrap().to_owned(), problem.kind)
                })
                .collect(),
            Err(other) => panic!("{other:?}"),
            Ok(_) => Vec::new(),
        }
    }

    #[test]
    fn an_empty_form_misses_title_and_file() {
        let expected = [("title".to_owned(), "missing"), ("file".to_owned(), "missing")];
        assert_eq!(kinds(Form::default()), expected);
    }

    #[test]
    fn all_problems_of_a_form_are_listed() {
        let form = Form {
            title: TextPart::Text(" ".to_owned()),
            description: TextPart::TooLong,
            file: FilePart::Text,
        };
        let expected = [
            ("title".to_owned(), "string_too_short"),
            ("file".to_owned(), "value_error"),
            ("description".to_owned(), "string_too_long"),
        ];
        assert_eq!(kinds(form), expected);
        let form = Form {
            title: TextPart::Text("x".repeat(201)),
            description: TextPart::NotUtf8,
            file: FilePart::NotAVideo,
        };
        let expected =
            [("title".to_owned(), "string_too_long"), ("description".to_owned(), "value_error")];
        assert_eq!(kinds(form), expected);
    }

    #[test]
    fn a_missing_file_and_a_file_that_is_not_a_video_are_rejected() {
        let titled = |file| Form {
            title: TextPart::Text("Mi canción".to_owned()),
            description: TextPart::Absent,
            file,
        };
        assert!(matches!(
            check(titled(FilePart::NotAVideo)),
            Err(ApiError::Video(VideoError::NotAVideo))
        ));
        assert!(matches!(
            check(titled(FilePart::Nameless)),
            Err(ApiError::Video(VideoError::NoFile))
        ));
    }
}
