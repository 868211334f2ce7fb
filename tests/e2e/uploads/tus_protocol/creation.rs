//! Creation of uploads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

use super::fixture::{TusFixture, sha1};
use crate::e2e::harness::ApiResponse;
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::clip;
use crate::e2e::harness::tus::{PIECE, metadata, offset};
use crate::e2e::uploads::state::assert_one_video;

/// The default of the setting, in bytes.
const MAX_VIDEO_SIZE: usize = 10_485_760;

pub(super) async fn a_new_upload_is_empty(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let created = tus.create_request(MAX_VIDEO_SIZE).response().await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!((offset(&created), created.header("tus-resumable")), (0, Some("1.0.0")));
    let expires = chrono::DateTime::parse_from_rfc2822(created.header("upload-expires").unwrap());
    let hours = (expires.unwrap().to_utc() - chrono::Utc::now()).num_minutes() as f64 / 60.0;
    assert!((hours - 24.0).abs() < 0.1, "{hours}");
    let upload = created.header("location").unwrap();
    assert!(upload.starts_with("/api/uploads/"), "{upload}");

    let head = tus.head(upload).await;
    assert_eq!((head.status, offset(&head)), (200, 0));
    assert_eq!(head.header("upload-length"), Some("10485760"));
    assert_eq!(head.header("upload-metadata"), Some(metadata().as_str()));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("tus-resumable"), Some("1.0.0"));
    assert_eq!(head.header("x-video-id"), None);
    let empty = tus.patch(upload, 0, b"").await;
    assert_eq!((empty.status, offset(&empty)), (204, 0));
    assert!(empty.header("upload-expires").is_some());
}

pub(super) async fn an_invalid_creation_is_rejected(fixture: &TusFixture) {
    let (tus, ana) = fixture.new_person().await;
    let bare = || tus.request(Method::POST, "/api/uploads");
    let lengthless = bare().header("upload-metadata", metadata()).response().await;
    lengthless.expect_error(400, "Missing or wrong header: Upload-Length");
    let deferred = bare().header("upload-metadata", metadata()).header("upload-defer-length", 1);
    deferred.response().await.expect_error(400, "Missing or wrong header: Upload-Length");
    for bad in ["", "x", "-1", "1.5", "99999999999999999999"] {
        let request = bare().header("upload-length", bad).header("upload-metadata", metadata());
        request.response().await.expect_error(400, "Missing or wrong header: Upload-Length");
    }
    tus.create_request(0).response().await.expect_error(400, "File must be a video format");
    tus.create_request(MAX_VIDEO_SIZE + 1)
        .response()
        .await
        .expect_error(413, "File size exceeds limit");
    let response = async |metadata: &str| {
        let request = bare().header("upload-length", 9).header("upload-metadata", metadata);
        request.response().await
    };
    response("title QQ").await.expect_error(400, "Missing or wrong header: Upload-Metadata");
    response("").await.problem().is("missing", "header.Upload-Metadata.title");
    let long = format!("title {}", STANDARD.encode("x".repeat(201)));
    response(&long).await.problem().is("string_too_long", "header.Upload-Metadata.title");
    let text = format!("title QQ==,filetype {}", STANDARD.encode("text/plain"));
    response(&text).await.expect_error(400, "File must be a video format");
    assert_eq!(fixture.unfinished_uploads(&ana).await, 0);
}

pub(super) async fn a_creation_may_carry_bytes(fixture: &TusFixture) {
    let (tus, ana) = fixture.new_person().await;
    let clip = clip::real();
    let with = |piece: &[u8]| {
        tus.create_request(clip.len()).header("content-type", PIECE).body(piece.to_vec())
    };
    let wrong = with(&clip).header("upload-checksum", sha1(b"something else")).response().await;
    assert_eq!(wrong.status, 460, "{}", wrong.text());
    let long = with(&[clip.as_slice(), b"x"].concat()).response().await;
    long.expect_error(413, "File size exceeds limit");
    assert_eq!(fixture.unfinished_uploads(&ana).await, 0, "a rejected creation left an upload");

    let part = with(&clip[..1000]).header("upload-checksum", sha1(&clip[..1000])).response().await;
    assert_eq!((part.status, offset(&part)), (201, 1000), "{}", part.text());
    assert!(part.header("upload-expires").is_some());
    let upload = part.header("location").unwrap();
    assert_eq!(tus.offset(upload).await, 1000);
    assert_eq!(tus.cancel(upload).await.status, 204);

    let whole = with(&clip).response().await;
    assert_eq!((whole.status, offset(&whole)), (201, clip.len()));
    let video = assert_one_video(fixture.api(), &ana, &clip).await;
    assert_eq!(whole.header("x-video-id"), Some(video.as_str()));
}

pub(super) async fn a_person_may_have_16_unfinished_uploads(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let created = futures_util::future::join_all((0..24).map(|_| tus.create_request(9).response()));
    let (made, refused): (Vec<ApiResponse>, Vec<ApiResponse>) =
        created.await.into_iter().partition(|response| response.status == 201);
    assert_eq!(made.len(), 16);
    for response in refused {
        response.expect_error(429, "Tienes demasiadas subidas sin terminar");
    }
    assert_eq!(tus.cancel(made[0].header("location").unwrap()).await.status, 204);
    tus.create(9).await;
    fixture.new_person().await.0.create(9).await;
}

pub(super) async fn a_creation_with_an_idempotency_key_can_be_retried(fixture: &TusFixture) {
    let (tus, ana) = fixture.new_person().await;
    let create = async |length: usize| {
        let request = tus.create_request(length).header("idempotency-key", "una subida");
        request.response().await
    };
    let first = create(100).await;
    let upload = first.header("location").unwrap();
    assert_eq!(tus.patch(upload, 0, &[1; 10]).await.status, 204);
    let again = create(100).await;
    assert_eq!((again.status, again.header("location"), offset(&again)), (201, Some(upload), 10));
    let request = tus.create_request(100).header("idempotency-key", "una subida");
    let again = request.header("content-type", PIECE).body(vec![1; 20]).response().await;
    assert_eq!((again.status, again.header("location"), offset(&again)), (201, Some(upload), 10));
    create(101).await.problem().is("value_error", "header.Idempotency-Key");
    assert_eq!(fixture.unfinished_uploads(&ana).await, 1);
}
