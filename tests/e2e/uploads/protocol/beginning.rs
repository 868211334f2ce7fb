//! How uploads begin, and how not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

use super::{Stage, has_one_video, sha1, unfinished};
use crate::e2e::harness::Answer;
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::clip;
use crate::e2e::harness::tus::{PIECE, metadata, offset};

/// The default of MAX_VIDEO_SIZE.
const MAX: usize = 10_485_760;

pub(super) async fn an_upload_begins_with_nothing(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let begun = tus.create_request(MAX).answer().await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    assert_eq!((offset(&begun), begun.header("tus-resumable")), (0, Some("1.0.0")));
    let expires = chrono::DateTime::parse_from_rfc2822(begun.header("upload-expires").unwrap());
    let hours = (expires.unwrap().to_utc() - chrono::Utc::now()).num_minutes() as f64 / 60.0;
    assert!((hours - 24.0).abs() < 0.1, "{hours}");
    let upload = begun.header("location").unwrap();
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

pub(super) async fn what_cannot_become_a_video_does_not_begin(stage: &Stage) {
    let (tus, ana) = stage.somebody().await;
    let bare = || tus.ask(Method::POST, "/api/uploads");
    let lengthless = bare().header("upload-metadata", metadata()).answer().await;
    lengthless.error(400, "Missing or wrong header: Upload-Length");
    let deferred = bare().header("upload-metadata", metadata()).header("upload-defer-length", 1);
    deferred.answer().await.error(400, "Missing or wrong header: Upload-Length");
    for bad in ["", "x", "-1", "1.5", "99999999999999999999"] {
        let request = bare().header("upload-length", bad).header("upload-metadata", metadata());
        request.answer().await.error(400, "Missing or wrong header: Upload-Length");
    }
    tus.create_request(0).answer().await.error(400, "File must be a video format");
    tus.create_request(MAX + 1).answer().await.error(413, "File size exceeds limit");
    let answer = async |metadata: &str| {
        let request = bare().header("upload-length", 9).header("upload-metadata", metadata);
        request.answer().await
    };
    answer("title QQ").await.error(400, "Missing or wrong header: Upload-Metadata");
    answer("").await.problem().is("missing", "header.Upload-Metadata.title");
    let long = format!("title {}", STANDARD.encode("x".repeat(201)));
    answer(&long).await.problem().is("string_too_long", "header.Upload-Metadata.title");
    let text = format!("title QQ==,filetype {}", STANDARD.encode("text/plain"));
    answer(&text).await.error(400, "File must be a video format");
    assert_eq!(unfinished(stage, &ana).await, 0);
}

pub(super) async fn a_beginning_may_bring_bytes(stage: &Stage) {
    let (tus, ana) = stage.somebody().await;
    let clip = clip::real();
    let with = |piece: &[u8]| {
        tus.create_request(clip.len()).header("content-type", PIECE).body(piece.to_vec())
    };
    let wrong = with(&clip).header("upload-checksum", sha1(b"something else")).answer().await;
    assert_eq!(wrong.status, 460, "{}", wrong.text());
    let long = with(&[clip.as_slice(), b"x"].concat()).answer().await;
    long.error(413, "File size exceeds limit");
    assert_eq!(unfinished(stage, &ana).await, 0, "nobody knows where they would be");

    let part = with(&clip[..1000]).header("upload-checksum", sha1(&clip[..1000])).answer().await;
    assert_eq!((part.status, offset(&part)), (201, 1000), "{}", part.text());
    assert!(part.header("upload-expires").is_some());
    let upload = part.header("location").unwrap();
    assert_eq!(tus.offset(upload).await, 1000);
    assert_eq!(tus.cancel(upload).await.status, 204);

    let whole = with(&clip).answer().await;
    assert_eq!((whole.status, offset(&whole)), (201, clip.len()));
    let video = has_one_video(stage.api(), &ana, &clip).await;
    assert_eq!(whole.header("x-video-id"), Some(video.as_str()));
}

pub(super) async fn so_many_unfinished_ones_and_no_more(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let begun = futures_util::future::join_all((0..24).map(|_| tus.create_request(9).answer()));
    let (made, refused): (Vec<Answer>, Vec<Answer>) =
        begun.await.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 16);
    for answer in refused {
        answer.error(429, "Tienes demasiadas subidas sin terminar");
    }
    assert_eq!(tus.cancel(made[0].header("location").unwrap()).await.status, 204);
    tus.create(9).await;
    stage.somebody().await.0.create(9).await;
}

pub(super) async fn a_beginning_can_be_repeated(stage: &Stage) {
    let (tus, ana) = stage.somebody().await;
    let create = async |length: usize| {
        let request = tus.create_request(length).header("idempotency-key", "una subida");
        request.answer().await
    };
    let first = create(100).await;
    let upload = first.header("location").unwrap();
    assert_eq!(tus.patch(upload, 0, &[1; 10]).await.status, 204);
    let again = create(100).await;
    assert_eq!((again.status, again.header("location"), offset(&again)), (201, Some(upload), 10));
    let request = tus.create_request(100).header("idempotency-key", "una subida");
    let again = request.header("content-type", PIECE).body(vec![1; 20]).answer().await;
    assert_eq!((again.status, again.header("location"), offset(&again)), (201, Some(upload), 10));
    create(101).await.problem().is("value_error", "header.Idempotency-Key");
    assert_eq!(unfinished(stage, &ana).await, 1);
}
