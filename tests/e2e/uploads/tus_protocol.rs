//! The tus protocol, version 1.0.0: <https://tus.io/protocols/resumable-upload>.

mod creation;
mod fixture;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use sha2::{Digest, Sha256};

use creation::{
    a_creation_may_carry_bytes, a_creation_with_an_idempotency_key_can_be_retried,
    a_new_upload_is_empty, a_person_may_have_16_unfinished_uploads,
    an_invalid_creation_is_rejected,
};
use fixture::{TusFixture, sha1};

use super::state::{assert_one_video, count_pieces, videos_of};
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::tus::{PIECE, metadata, offset};
use crate::e2e::harness::visitor::Visitor;
use crate::e2e::harness::{TestEnvironment, clip};

test_on_both_backends!(tus_protocol);

async fn tus_protocol(env: TestEnvironment) {
    let fixture = TusFixture::start(env).await;
    check_rules!(&fixture;
        options_lists_the_protocol_version_and_extensions,
        another_protocol_version_is_rejected,
        a_new_upload_is_empty,
        an_invalid_creation_is_rejected,
        a_creation_may_carry_bytes,
        complete_pieces_become_a_video,
        a_piece_must_start_at_the_current_offset,
        a_piece_must_have_the_offset_content_type,
        a_piece_longer_than_the_remaining_length_is_rejected,
        a_piece_must_match_its_checksum,
        a_cancelled_upload_leaves_nothing,
        a_complete_upload_that_is_not_a_video_is_rejected,
        only_the_owner_can_use_an_upload,
        the_method_override_header_is_respected,
        a_page_uploads_with_its_session_cookie,
        a_person_may_have_16_unfinished_uploads,
        a_creation_with_an_idempotency_key_can_be_retried,
        cross_origin_browsers_may_upload_with_a_token,
    );
}

async fn options_lists_the_protocol_version_and_extensions(fixture: &TusFixture) {
    for path in ["/api/uploads", "/api/uploads/1"] {
        let response = fixture.api().request(Method::OPTIONS, path).response().await;
        assert!(matches!(response.status, 200 | 204), "{response:?}");
        for (header, value) in [
            ("tus-resumable", "1.0.0"),
            ("tus-version", "1.0.0"),
            ("tus-extension", "creation,creation-with-upload,termination,expiration,checksum"),
            ("tus-checksum-algorithm", "sha1,sha256"),
            ("tus-max-size", "10485760"),
        ] {
            assert_eq!(response.header(header), Some(value), "{path}");
        }
    }
    let elsewhere = fixture.api().request(Method::OPTIONS, "/api/videos").response().await;
    assert_eq!(elsewhere.header("tus-version"), None);
}

async fn another_protocol_version_is_rejected(fixture: &TusFixture) {
    let (tus, ana) = fixture.new_person().await;
    let upload = tus.create(9).await;
    for version in [None, Some("0.2.2"), Some("1.0.1")] {
        for (method, path) in [
            (Method::POST, "/api/uploads"),
            (Method::HEAD, upload.as_str()),
            (Method::PATCH, upload.as_str()),
            (Method::DELETE, upload.as_str()),
        ] {
            let mut request = fixture.api().request(method.clone(), path).bearer_auth(&ana.token);
            if let Some(version) = version {
                request = request.header("tus-resumable", version);
            }
            let response = request.response().await;
            assert_eq!(response.status, 412, "{method} {version:?}");
            assert_eq!(response.header("tus-version"), Some("1.0.0"));
            assert_eq!(response.header("tus-resumable"), Some("1.0.0"));
        }
    }
    assert_eq!(tus.offset(&upload).await, 0, "the upload is gone");
}

async fn complete_pieces_become_a_video(fixture: &TusFixture) {
    let (tus, ana) = fixture.new_person().await;
    let clip = clip::real();
    let upload = tus.create(clip.len()).await;
    let (first, rest) = clip.split_at(clip.len() / 3);
    let (second, third) = rest.split_at(1);
    let mut at = 0;
    for piece in [first, second, third] {
        let response = tus.patch(&upload, at, piece).await;
        at += piece.len();
        assert_eq!((response.status, offset(&response)), (204, at), "{}", response.text());
        assert_eq!(response.header("tus-resumable"), Some("1.0.0"));
        let whole = at == clip.len();
        assert_eq!(response.header("x-video-id").is_some(), whole);
        assert_eq!(response.header("upload-expires").is_some(), !whole);
        assert_eq!(tus.offset(&upload).await, at);
    }
    let video = assert_one_video(fixture.api(), &ana, &clip).await;
    assert_eq!(videos_of(fixture.api(), &ana).await[0]["title"], "Mi canción");

    // A client that missed the last response asks again, or sends an empty piece.
    let head = tus.head(&upload).await;
    assert_eq!((offset(&head), head.header("x-video-id")), (clip.len(), Some(video.as_str())));
    let again = tus.patch(&upload, clip.len(), b"").await;
    assert_eq!((again.status, again.header("x-video-id")), (204, Some(video.as_str())));
    assert_eq!(tus.patch(&upload, 0, &clip).await.status, 409);
    tus.patch(&upload, clip.len(), b"x").await.expect_error(413, "File size exceeds limit");

    assert_eq!(tus.cancel(&upload).await.status, 204);
    assert_eq!(tus.head(&upload).await.status, 404);
    assert_eq!(assert_one_video(fixture.api(), &ana, &clip).await, video, "another video");
}

async fn a_piece_must_start_at_the_current_offset(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let upload = tus.create(100).await;
    assert_eq!(tus.patch(&upload, 0, &[1; 10]).await.status, 204);
    for wrong in [0, 9, 11, 100, 1_000] {
        let response = tus.patch(&upload, wrong, &[1; 10]).await;
        response.expect_error(409, "La subida no está en esa posición");
    }
    assert_eq!(tus.offset(&upload).await, 10);
    let request = tus.request(Method::PATCH, &upload).header("content-type", PIECE);
    request.response().await.expect_error(400, "Missing or wrong header: Upload-Offset");
    let request = tus.request(Method::PATCH, &upload).header("content-type", PIECE);
    let request = request.header("upload-offset", "-10");
    request.response().await.expect_error(400, "Missing or wrong header: Upload-Offset");
}

async fn a_piece_must_have_the_offset_content_type(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let upload = tus.create(100).await;
    for kind in [None, Some("application/octet-stream"), Some("video/mp4")] {
        let mut request = tus.request(Method::PATCH, &upload).header("upload-offset", 0);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let response = request.body(vec![1; 10]).response().await;
        response.expect_error(415, "Content-Type must be application/offset+octet-stream");
    }
    assert_eq!(tus.offset(&upload).await, 0);
}

async fn a_piece_longer_than_the_remaining_length_is_rejected(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let upload = tus.create(100).await;
    tus.patch(&upload, 0, &[1; 101]).await.expect_error(413, "File size exceeds limit");
    // A piece without Content-Length.
    let chunks = [60, 60].map(|size| Ok::<_, std::io::Error>(vec![1_u8; size]));
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let response = tus.patch_request(&upload, 0, stream).response().await;
    response.expect_error(413, "File size exceeds limit");
    assert_eq!(tus.offset(&upload).await, 0, "a part is kept");
}

async fn a_piece_must_match_its_checksum(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let upload = tus.create(100).await;
    let piece = [7_u8; 10];
    let send = async |at: usize, checksum: &str| {
        let request = tus.patch_request(&upload, at, piece.to_vec());
        request.header("upload-checksum", checksum).response().await
    };
    let wrong = send(0, &sha1(b"something else")).await;
    wrong.expect_error(460, "Los datos no coinciden con su suma de comprobación");
    assert_eq!(tus.offset(&upload).await, 0);
    assert_eq!(offset(&send(0, &sha1(&piece)).await), 10);
    let sha256 = format!("sha256 {}", STANDARD.encode(Sha256::digest(piece)));
    assert_eq!(offset(&send(10, &sha256).await), 20);
    for bad in ["crc32 AAAAAA==", "sha1", "sha1 AAAA", "sha1 ñ"] {
        send(20, bad).await.expect_error(400, "Missing or wrong header: Upload-Checksum");
    }
    assert_eq!(tus.offset(&upload).await, 20);
}

async fn a_cancelled_upload_leaves_nothing(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let upload = tus.create(100).await;
    let before = count_pieces(&fixture.env).await;
    assert_eq!(tus.patch(&upload, 0, &[1; 10]).await.status, 204);
    assert_eq!(count_pieces(&fixture.env).await, before + 1);
    let cancelled = tus.cancel(&upload).await;
    assert_eq!((cancelled.status, cancelled.body.len()), (204, 0));
    assert_eq!(count_pieces(&fixture.env).await, before);
    assert_eq!(tus.head(&upload).await.status, 404);
    assert_eq!(tus.head(&upload).await.header("upload-offset"), None);
    tus.patch(&upload, 10, &[1; 10]).await.expect_error(404, "Subida no encontrada");
    tus.cancel(&upload).await.expect_error(404, "Subida no encontrada");
    assert_eq!(tus.head("/api/uploads/nothing").await.status, 404);
}

async fn a_complete_upload_that_is_not_a_video_is_rejected(fixture: &TusFixture) {
    let (tus, ana) = fixture.new_person().await;
    let upload = tus.create(5_000).await;
    assert_eq!(tus.patch(&upload, 0, &[b'x'; 4_000]).await.status, 204);
    tus.patch(&upload, 4_000, &[b'x'; 1_000])
        .await
        .expect_error(400, "File must be a video format");
    assert_eq!(tus.head(&upload).await.status, 404);
    assert_eq!(
        (fixture.unfinished_uploads(&ana).await, videos_of(fixture.api(), &ana).await.len()),
        (0, 0)
    );
}

async fn only_the_owner_can_use_an_upload(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let (stranger, _) = fixture.new_person().await;
    let upload = tus.create(100).await;
    assert_eq!(stranger.head(&upload).await.status, 404);
    stranger.patch(&upload, 0, &[1; 10]).await.expect_error(404, "Subida no encontrada");
    stranger.cancel(&upload).await.expect_error(404, "Subida no encontrada");
    let nobody = fixture.api().request(Method::DELETE, &upload).header("tus-resumable", "1.0.0");
    nobody.response().await.expect_error(403, "Not authenticated");
    assert_eq!(tus.offset(&upload).await, 0);
}

async fn the_method_override_header_is_respected(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let upload = tus.create(100).await;
    let post =
        |method: &str| tus.request(Method::POST, &upload).header("x-http-method-override", method);
    let patch = post("PATCH").header("content-type", PIECE).header("upload-offset", 0);
    assert_eq!(offset(&patch.body(vec![1; 10]).response().await), 10);
    assert_eq!(offset(&post("HEAD").response().await), 10);
    post("PUT").response().await.expect_error(405, "Method Not Allowed");
    assert_eq!(post("DELETE").response().await.status, 204);
    assert_eq!(tus.head(&upload).await.status, 404);
}

async fn a_page_uploads_with_its_session_cookie(fixture: &TusFixture) {
    let (tus, ana) = fixture.new_person().await;
    let visitor = Visitor::signed_in(fixture.api(), &ana).await;
    let clip = clip::real();
    let ask = |method, path: &str| visitor.request(method, path).header("tus-resumable", "1.0.0");
    let create = |path: &str| {
        let request = ask(Method::POST, path).header("upload-length", clip.len());
        request.header("upload-metadata", metadata())
    };
    for site in ["cross-site", "same-site", "none"] {
        let forged = create("/me/uploads").header("sec-fetch-site", site).response().await;
        forged.expect_error(403, "Forms are taken from our own pages only");
    }
    create("/api/uploads").response().await.expect_error(403, "Not authenticated");
    let own = |request: reqwest::RequestBuilder| request.header("sec-fetch-site", "same-origin");
    let nobody = fixture.api().post("/me/uploads").header("tus-resumable", "1.0.0");
    own(nobody).response().await.expect_error(403, "Not authenticated");

    let begun = own(create("/me/uploads")).response().await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let upload = begun.header("location").unwrap();
    assert!(upload.starts_with("/me/uploads/"), "{upload}");
    assert_eq!(offset(&ask(Method::HEAD, upload).response().await), 0);
    let patch = own(ask(Method::PATCH, upload)).header("content-type", PIECE);
    let patch = patch.header("upload-offset", 0).body(clip.clone()).response().await;
    assert_eq!((patch.status, offset(&patch)), (204, clip.len()));
    assert_one_video(fixture.api(), &ana, &clip).await;
    let same = upload.replace("/me/", "/api/");
    assert_eq!(tus.offset(&same).await, clip.len(), "another upload");
}

async fn cross_origin_browsers_may_upload_with_a_token(fixture: &TusFixture) {
    let (tus, _) = fixture.new_person().await;
    let preflight = fixture.api().request(Method::OPTIONS, "/api/uploads/1");
    let preflight = preflight.header("origin", "https://fans.example");
    let preflight = preflight.header("access-control-request-method", "PATCH").response().await;
    let allowed = preflight.header("access-control-allow-methods").unwrap();
    assert!(allowed.contains("PATCH"), "{allowed}");
    let begun = tus.create_request(9).header("origin", "https://fans.example").response().await;
    let exposed = begun.header("access-control-expose-headers").unwrap().to_lowercase();
    for header in ["location", "upload-offset", "upload-length", "tus-resumable", "upload-expires"]
    {
        assert!(exposed.contains(header), "{header}: {exposed}");
    }
}
