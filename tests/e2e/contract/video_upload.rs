//! `POST /api/videos/upload`.

use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};

use super::fixture::ContractFixture;
use crate::e2e::harness::api_response::assert_problems;
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::{ApiResponse, Roles, TestEnvironment, Upload, clip};

/// The default of the setting, in bytes.
const MAX_VIDEO_SIZE: usize = 10_485_760;

test_on_both_backends!(video_upload);

async fn video_upload(env: TestEnvironment) {
    let fixture = ContractFixture::start(env, Roles::NoTranscoder).await;
    check_rules!(&fixture;
        a_new_upload_is_pending,
        the_description_is_optional,
        missing_fields_are_named,
        a_text_field_in_place_of_the_file_is_rejected,
        a_file_without_a_name_is_rejected,
        a_file_that_is_not_a_video_is_rejected,
        the_maximum_size_is_accepted_and_one_byte_more_is_rejected,
        a_body_without_a_boundary_is_rejected,
        a_title_has_1_to_200_characters,
        a_truncated_body_is_rejected,
    );
}

async fn a_new_upload_is_pending(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let video = fixture.api().upload(&ana, Upload::of(clip::real())).await.expect(201);
    assert!(uuid::Uuid::parse_str(video["video_id"].as_str().unwrap()).is_ok());
    assert_eq!(video["user_id"], ana.id.to_string());
    assert_eq!(video["title"], "Mi canción");
    assert_eq!(video["description"], "En vivo");
    assert_eq!(video["status"], "pending");
    let uploaded_at = video["uploaded_at"].as_str().unwrap();
    let time = chrono::DateTime::parse_from_rfc3339(uploaded_at).unwrap();
    assert_eq!(time.offset().local_minus_utc(), 0, "{uploaded_at}");
}

async fn the_description_is_optional(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let upload = Upload { description: None, ..Upload::of(clip::real()) };
    let video = fixture.api().upload(&ana, upload).await.expect(201);
    assert!(video["description"].is_null(), "{video}");
}

async fn send(fixture: &ContractFixture, form: Form) -> ApiResponse {
    let ana = fixture.api().new_person("Ana").await;
    let request = fixture.api().post("/api/videos/upload").bearer_auth(&ana.token);
    request.multipart(form).response().await
}

fn file() -> Part {
    Part::bytes(clip::real()).file_name("clip.mp4").mime_str("video/mp4").unwrap()
}

async fn missing_fields_are_named(fixture: &ContractFixture) {
    let no_title = send(fixture, Form::new().part("file", file())).await;
    no_title.problem().is("missing", "body.title");
    let no_file = send(fixture, Form::new().text("title", "Mi canción")).await;
    no_file.problem().is("missing", "body.file");
    let neither = send(fixture, Form::new().text("description", "En vivo")).await;
    assert_problems(&neither.problems(), &[("missing", "body.title"), ("missing", "body.file")]);
}

async fn a_text_field_in_place_of_the_file_is_rejected(fixture: &ContractFixture) {
    let form = Form::new().text("title", "Mi canción").text("file", "clip.mp4");
    assert_eq!(send(fixture, form).await.problem().loc, "body.file");
}

async fn a_file_without_a_name_is_rejected(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let body = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nMi\r\n\
                --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\
                Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n";
    let request = fixture.api().post("/api/videos/upload").bearer_auth(&ana.token);
    let request = request.header(CONTENT_TYPE, "multipart/form-data; boundary=x");
    request.body(body).response().await.expect_error(400, "No file uploaded");
}

async fn a_file_that_is_not_a_video_is_rejected(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let claims_text = Upload { content_type: "text/plain".into(), ..Upload::of(clip::real()) };
    let is_text = Upload::of(b"This is no video, whatever it claims. ".repeat(100));
    let is_picture = Upload::of([b"\x89PNG\r\n\x1a\n".as_slice(), &[0; 4_096]].concat());
    let is_empty = Upload::of(Vec::new());
    for upload in [claims_text, is_text, is_picture, is_empty] {
        fixture.api().upload(&ana, upload).await.expect_error(400, "File must be a video format");
    }
}

async fn the_maximum_size_is_accepted_and_one_byte_more_is_rejected(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    fixture.api().upload(&ana, Upload::of(clip::of_size(MAX_VIDEO_SIZE))).await.expect(201);
    for size in [MAX_VIDEO_SIZE + 1, 3 * MAX_VIDEO_SIZE] {
        let response = fixture.api().upload(&ana, Upload::of(clip::of_size(size))).await;
        response.expect_error(400, "File size exceeds limit");
    }
}

async fn a_body_without_a_boundary_is_rejected(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let request = fixture.api().post("/api/videos/upload").bearer_auth(&ana.token);
    let request = request.header(CONTENT_TYPE, "multipart/form-data").body("--x--");
    request.response().await.expect_error(400, "Missing boundary in multipart.");
}

async fn a_title_has_1_to_200_characters(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let titled = async |title: String| {
        let upload = Upload { title: Some(title), ..Upload::of(clip::real()) };
        fixture.api().upload(&ana, upload).await
    };
    titled(String::new()).await.problem().is("string_too_short", "body.title");
    titled("ñ".repeat(201)).await.problem().is("string_too_long", "body.title");
    titled("ñ".repeat(200)).await.expect(201);
}

async fn a_truncated_body_is_rejected(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let head = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nMi\r\n\
                --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\
                Content-Type: video/mp4\r\n\r\n";
    let body = [head.as_bytes(), &clip::real()].concat();
    let request = fixture.api().post("/api/videos/upload").bearer_auth(&ana.token);
    let request = request.header(CONTENT_TYPE, "multipart/form-data; boundary=x");
    let response = request.body(body).response().await;
    assert!((400..500).contains(&response.status), "{} {}", response.status, response.text());
}
