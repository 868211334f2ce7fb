//! `POST /api/videos/upload`.

use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};

use super::Stage;
use crate::e2e::harness::answer::assert_problems;
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::{Answer, Roles, Upload, World, clip};

/// The default of MAX_VIDEO_SIZE.
const MAX: usize = 10_485_760;

on_both!(uploading);

async fn uploading(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    hold!(&stage;
        an_upload_waits_for_processing,
        a_description_may_be_left_out,
        missing_fields_are_named,
        a_file_field_that_is_no_file_is_refused,
        a_file_without_a_name_is_no_file,
        what_is_no_video_is_refused,
        the_limit_itself_is_allowed_and_nothing_beyond,
        a_body_without_a_boundary_is_refused,
        a_title_has_1_to_200_characters,
        a_body_that_breaks_off_is_refused,
    );
}

async fn an_upload_waits_for_processing(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let video = stage.api().upload(&ana, Upload::of(clip::real())).await.ok(201);
    assert!(uuid::Uuid::parse_str(video["video_id"].as_str().unwrap()).is_ok());
    assert_eq!(video["user_id"], ana.id.to_string());
    assert_eq!(video["title"], "Mi canción");
    assert_eq!(video["description"], "En vivo");
    assert_eq!(video["status"], "pending");
    let uploaded_at = video["uploaded_at"].as_str().unwrap();
    let time = chrono::DateTime::parse_from_rfc3339(uploaded_at).unwrap();
    assert_eq!(time.offset().local_minus_utc(), 0, "{uploaded_at}");
}

async fn a_description_may_be_left_out(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let upload = Upload { description: None, ..Upload::of(clip::real()) };
    let video = stage.api().upload(&ana, upload).await.ok(201);
    assert!(video["description"].is_null(), "{video}");
}

async fn send(stage: &Stage, form: Form) -> Answer {
    let ana = stage.api().somebody("Ana").await;
    let request = stage.api().post("/api/videos/upload").bearer_auth(&ana.token);
    request.multipart(form).answer().await
}

fn file() -> Part {
    Part::bytes(clip::real()).file_name("clip.mp4").mime_str("video/mp4").unwrap()
}

async fn missing_fields_are_named(stage: &Stage) {
    let no_title = send(stage, Form::new().part("file", file())).await;
    no_title.problem().is("missing", "body.title");
    let no_file = send(stage, Form::new().text("title", "Mi canción")).await;
    no_file.problem().is("missing", "body.file");
    let neither = send(stage, Form::new().text("description", "En vivo")).await;
    assert_problems(&neither.problems(), &[("missing", "body.title"), ("missing", "body.file")]);
}

async fn a_file_field_that_is_no_file_is_refused(stage: &Stage) {
    let form = Form::new().text("title", "Mi canción").text("file", "clip.mp4");
    assert_eq!(send(stage, form).await.problem().loc, "body.file");
}

async fn a_file_without_a_name_is_no_file(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let body = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nMi\r\n\
                --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\
                Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n";
    let request = stage.api().post("/api/videos/upload").bearer_auth(&ana.token);
    let request = request.header(CONTENT_TYPE, "multipart/form-data; boundary=x");
    request.body(body).answer().await.error(400, "No file uploaded");
}

async fn what_is_no_video_is_refused(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let claims_text = Upload { content_type: "text/plain".into(), ..Upload::of(clip::real()) };
    let is_text = Upload::of(b"This is no video, whatever it claims. ".repeat(100));
    let is_picture = Upload::of([b"\x89PNG\r\n\x1a\n".as_slice(), &[0; 4_096]].concat());
    let is_empty = Upload::of(Vec::new());
    for upload in [claims_text, is_text, is_picture, is_empty] {
        stage.api().upload(&ana, upload).await.error(400, "File must be a video format");
    }
}

async fn the_limit_itself_is_allowed_and_nothing_beyond(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    stage.api().upload(&ana, Upload::of(clip::of_size(MAX))).await.ok(201);
    for size in [MAX + 1, 3 * MAX] {
        let answer = stage.api().upload(&ana, Upload::of(clip::of_size(size))).await;
        answer.error(400, "File size exceeds limit");
    }
}

async fn a_body_without_a_boundary_is_refused(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let request = stage.api().post("/api/videos/upload").bearer_auth(&ana.token);
    let request = request.header(CONTENT_TYPE, "multipart/form-data").body("--x--");
    request.answer().await.error(400, "Missing boundary in multipart.");
}

async fn a_title_has_1_to_200_characters(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let titled = async |title: String| {
        let upload = Upload { title: Some(title), ..Upload::of(clip::real()) };
        stage.api().upload(&ana, upload).await
    };
    titled(String::new()).await.problem().is("string_too_short", "body.title");
    titled("ñ".repeat(201)).await.problem().is("string_too_long", "body.title");
    titled("ñ".repeat(200)).await.ok(201);
}

async fn a_body_that_breaks_off_is_refused(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let head = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nMi\r\n\
                --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\
                Content-Type: video/mp4\r\n\r\n";
    let body = [head.as_bytes(), &clip::real()].concat();
    let request = stage.api().post("/api/videos/upload").bearer_auth(&ana.token);
    let request = request.header(CONTENT_TYPE, "multipart/form-data; boundary=x");
    let answer = request.body(body).answer().await;
    assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text());
}
