//! <https://tus.io/protocols/resumable-upload>, version 1.0.0.

mod beginning;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use beginning::{
    a_beginning_can_be_repeated, a_beginning_may_bring_bytes, an_upload_begins_with_nothing,
    so_many_unfinished_ones_and_no_more, what_cannot_become_a_video_does_not_begin,
};

use super::{has_one_video, pieces, videos};
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::tus::{PIECE, Tus, metadata, offset};
use crate::e2e::harness::visitor::Visitor;
use crate::e2e::harness::{Api, Person, Roles, Server, World, clip};

on_both!(protocol);

struct Stage {
    server: Server,
    world: World,
}

impl Stage {
    fn api(&self) -> &Api {
        &self.server.api
    }

    async fn somebody(&self) -> (Tus, Person) {
        let person = self.api().somebody("Ana").await;
        (Tus::of(self.api(), &person), person)
    }
}

async fn protocol(world: World) {
    let stage = Stage { server: Server::start(&world, Roles::NoTranscoder).await, world };
    hold!(&stage;
        it_says_what_it_speaks,
        another_version_is_refused,
        an_upload_begins_with_nothing,
        what_cannot_become_a_video_does_not_begin,
        a_beginning_may_bring_bytes,
        pieces_become_a_video,
        a_piece_begins_where_the_upload_ends,
        a_piece_says_what_it_is,
        a_piece_is_not_longer_than_what_is_to_come,
        a_piece_is_what_its_checksum_says,
        who_gives_up_leaves_nothing,
        what_is_no_video_is_refused_at_its_end,
        an_upload_is_its_owner_s_alone,
        another_method_may_be_said_in_a_header,
        a_page_uploads_with_its_session,
        so_many_unfinished_ones_and_no_more,
        a_beginning_can_be_repeated,
        browsers_of_other_sites_may_upload_with_a_token,
    );
}

async fn it_says_what_it_speaks(stage: &Stage) {
    for path in ["/api/uploads", "/api/uploads/1"] {
        let answer = stage.api().request(Method::OPTIONS, path).answer().await;
        assert!(matches!(answer.status, 200 | 204), "{answer:?}");
        for (header, value) in [
            ("tus-resumable", "1.0.0"),
            ("tus-version", "1.0.0"),
            ("tus-extension", "creation,creation-with-upload,termination,expiration,checksum"),
            ("tus-checksum-algorithm", "sha1,sha256"),
            ("tus-max-size", "10485760"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{path}");
        }
    }
    let elsewhere = stage.api().request(Method::OPTIONS, "/api/videos").answer().await;
    assert_eq!(elsewhere.header("tus-version"), None);
}

async fn another_version_is_refused(stage: &Stage) {
    let (tus, ana) = stage.somebody().await;
    let upload = tus.create(9).await;
    for version in [None, Some("0.2.2"), Some("1.0.1")] {
        for (method, path) in [
            (Method::POST, "/api/uploads"),
            (Method::HEAD, upload.as_str()),
            (Method::PATCH, upload.as_str()),
            (Method::DELETE, upload.as_str()),
        ] {
            let mut request = stage.api().request(method.clone(), path).bearer_auth(&ana.token);
            if let Some(version) = version {
                request = request.header("tus-resumable", version);
            }
            let answer = request.answer().await;
            assert_eq!(answer.status, 412, "{method} {version:?}");
            assert_eq!(answer.header("tus-version"), Some("1.0.0"));
            assert_eq!(answer.header("tus-resumable"), Some("1.0.0"));
        }
    }
    assert_eq!(tus.offset(&upload).await, 0, "it is still there");
}

async fn unfinished(stage: &Stage, owner: &Person) -> i64 {
    let sql = "select count(*) from resumable_uploads where owner = $1 and video_id is null";
    sqlx::query_scalar(sql).bind(owner.id.0).fetch_one(&stage.world.pool).await.unwrap()
}

async fn pieces_become_a_video(stage: &Stage) {
    let (tus, ana) = stage.somebody().await;
    let clip = clip::real();
    let upload = tus.create(clip.len()).await;
    let (first, rest) = clip.split_at(clip.len() / 3);
    let (second, third) = rest.split_at(1);
    let mut at = 0;
    for piece in [first, second, third] {
        let answer = tus.patch(&upload, at, piece).await;
        at += piece.len();
        assert_eq!((answer.status, offset(&answer)), (204, at), "{}", answer.text());
        assert_eq!(answer.header("tus-resumable"), Some("1.0.0"));
        let whole = at == clip.len();
        assert_eq!(answer.header("x-video-id").is_some(), whole);
        assert_eq!(answer.header("upload-expires").is_some(), !whole);
        assert_eq!(tus.offset(&upload).await, at);
    }
    let video = has_one_video(stage.api(), &ana, &clip).await;
    assert_eq!(videos(stage.api(), &ana).await[0]["title"], "Mi canción");

    // Whoever missed the last answer asks again, or sends nothing more.
    let head = tus.head(&upload).await;
    assert_eq!((offset(&head), head.header("x-video-id")), (clip.len(), Some(video.as_str())));
    let again = tus.patch(&upload, clip.len(), b"").await;
    assert_eq!((again.status, again.header("x-video-id")), (204, Some(video.as_str())));
    assert_eq!(tus.patch(&upload, 0, &clip).await.status, 409);
    tus.patch(&upload, clip.len(), b"x").await.error(413, "File size exceeds limit");

    assert_eq!(tus.cancel(&upload).await.status, 204);
    assert_eq!(tus.head(&upload).await.status, 404);
    assert_eq!(has_one_video(stage.api(), &ana, &clip).await, video, "the video stays");
}

async fn a_piece_begins_where_the_upload_ends(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let upload = tus.create(100).await;
    assert_eq!(tus.patch(&upload, 0, &[1; 10]).await.status, 204);
    for wrong in [0, 9, 11, 100, 1_000] {
        let answer = tus.patch(&upload, wrong, &[1; 10]).await;
        answer.error(409, "La subida no está en esa posición");
    }
    assert_eq!(tus.offset(&upload).await, 10);
    let request = tus.ask(Method::PATCH, &upload).header("content-type", PIECE);
    request.answer().await.error(400, "Missing or wrong header: Upload-Offset");
    let request = tus.ask(Method::PATCH, &upload).header("content-type", PIECE);
    let request = request.header("upload-offset", "-10");
    request.answer().await.error(400, "Missing or wrong header: Upload-Offset");
}

async fn a_piece_says_what_it_is(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let upload = tus.create(100).await;
    for kind in [None, Some("application/octet-stream"), Some("video/mp4")] {
        let mut request = tus.ask(Method::PATCH, &upload).header("upload-offset", 0);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = request.body(vec![1; 10]).answer().await;
        answer.error(415, "Content-Type must be application/offset+octet-stream");
    }
    assert_eq!(tus.offset(&upload).await, 0);
}

async fn a_piece_is_not_longer_than_what_is_to_come(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let upload = tus.create(100).await;
    tus.patch(&upload, 0, &[1; 101]).await.error(413, "File size exceeds limit");
    // One that does not say how long it is.
    let chunks = [60, 60].map(|size| Ok::<_, std::io::Error>(vec![1_u8; size]));
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let answer = tus.patch_request(&upload, 0, stream).answer().await;
    answer.error(413, "File size exceeds limit");
    assert_eq!(tus.offset(&upload).await, 0, "none of it is kept");
}

fn sha1(bytes: &[u8]) -> String {
    format!("sha1 {}", STANDARD.encode(Sha1::digest(bytes)))
}

async fn a_piece_is_what_its_checksum_says(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let upload = tus.create(100).await;
    let piece = [7_u8; 10];
    let send = async |at: usize, checksum: &str| {
        let request = tus.patch_request(&upload, at, piece.to_vec());
        request.header("upload-checksum", checksum).answer().await
    };
    let wrong = send(0, &sha1(b"something else")).await;
    wrong.error(460, "Los datos no coinciden con su suma de comprobación");
    assert_eq!(tus.offset(&upload).await, 0);
    assert_eq!(offset(&send(0, &sha1(&piece)).await), 10);
    let sha256 = format!("sha256 {}", STANDARD.encode(Sha256::digest(piece)));
    assert_eq!(offset(&send(10, &sha256).await), 20);
    for bad in ["crc32 AAAAAA==", "sha1", "sha1 AAAA", "sha1 ñ"] {
        send(20, bad).await.error(400, "Missing or wrong header: Upload-Checksum");
    }
    assert_eq!(tus.offset(&upload).await, 20);
}

async fn who_gives_up_leaves_nothing(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let upload = tus.create(100).await;
    let before = pieces(&stage.world).await;
    assert_eq!(tus.patch(&upload, 0, &[1; 10]).await.status, 204);
    assert_eq!(pieces(&stage.world).await, before + 1);
    let cancelled = tus.cancel(&upload).await;
    assert_eq!((cancelled.status, cancelled.body.len()), (204, 0));
    assert_eq!(pieces(&stage.world).await, before);
    assert_eq!(tus.head(&upload).await.status, 404);
    assert_eq!(tus.head(&upload).await.header("upload-offset"), None);
    tus.patch(&upload, 10, &[1; 10]).await.error(404, "Subida no encontrada");
    tus.cancel(&upload).await.error(404, "Subida no encontrada");
    assert_eq!(tus.head("/api/uploads/nothing").await.status, 404);
}

async fn what_is_no_video_is_refused_at_its_end(stage: &Stage) {
    let (tus, ana) = stage.somebody().await;
    let upload = tus.create(5_000).await;
    assert_eq!(tus.patch(&upload, 0, &[b'x'; 4_000]).await.status, 204);
    tus.patch(&upload, 4_000, &[b'x'; 1_000]).await.error(400, "File must be a video format");
    assert_eq!(tus.head(&upload).await.status, 404);
    assert_eq!((unfinished(stage, &ana).await, videos(stage.api(), &ana).await.len()), (0, 0));
}

async fn an_upload_is_its_owner_s_alone(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let (stranger, _) = stage.somebody().await;
    let upload = tus.create(100).await;
    assert_eq!(stranger.head(&upload).await.status, 404);
    stranger.patch(&upload, 0, &[1; 10]).await.error(404, "Subida no encontrada");
    stranger.cancel(&upload).await.error(404, "Subida no encontrada");
    let nobody = stage.api().request(Method::DELETE, &upload).header("tus-resumable", "1.0.0");
    nobody.answer().await.error(403, "Not authenticated");
    assert_eq!(tus.offset(&upload).await, 0);
}

async fn another_method_may_be_said_in_a_header(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let upload = tus.create(100).await;
    let post =
        |method: &str| tus.ask(Method::POST, &upload).header("x-http-method-override", method);
    let patch = post("PATCH").header("content-type", PIECE).header("upload-offset", 0);
    assert_eq!(offset(&patch.body(vec![1; 10]).answer().await), 10);
    assert_eq!(offset(&post("HEAD").answer().await), 10);
    post("PUT").answer().await.error(405, "Method Not Allowed");
    assert_eq!(post("DELETE").answer().await.status, 204);
    assert_eq!(tus.head(&upload).await.status, 404);
}

async fn a_page_uploads_with_its_session(stage: &Stage) {
    let (tus, ana) = stage.somebody().await;
    let visitor = Visitor::signed_in(stage.api(), &ana).await;
    let clip = clip::real();
    let ask = |method, path: &str| visitor.request(method, path).header("tus-resumable", "1.0.0");
    let create = |path: &str| {
        let request = ask(Method::POST, path).header("upload-length", clip.len());
        request.header("upload-metadata", metadata())
    };
    for site in ["cross-site", "same-site", "none"] {
        let forged = create("/me/uploads").header("sec-fetch-site", site).answer().await;
        forged.error(403, "Forms are taken from our own pages only");
    }
    create("/api/uploads").answer().await.error(403, "Not authenticated");
    let own = |request: reqwest::RequestBuilder| request.header("sec-fetch-site", "same-origin");
    let nobody = stage.api().post("/me/uploads").header("tus-resumable", "1.0.0");
    own(nobody).answer().await.error(403, "Not authenticated");

    let begun = own(create("/me/uploads")).answer().await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let upload = begun.header("location").unwrap();
    assert!(upload.starts_with("/me/uploads/"), "{upload}");
    assert_eq!(offset(&ask(Method::HEAD, upload).answer().await), 0);
    let patch = own(ask(Method::PATCH, upload)).header("content-type", PIECE);
    let patch = patch.header("upload-offset", 0).body(clip.clone()).answer().await;
    assert_eq!((patch.status, offset(&patch)), (204, clip.len()));
    has_one_video(stage.api(), &ana, &clip).await;
    let same = upload.replace("/me/", "/api/");
    assert_eq!(tus.offset(&same).await, clip.len(), "it is the same upload");
}

async fn browsers_of_other_sites_may_upload_with_a_token(stage: &Stage) {
    let (tus, _) = stage.somebody().await;
    let preflight = stage.api().request(Method::OPTIONS, "/api/uploads/1");
    let preflight = preflight.header("origin", "https://fans.example");
    let preflight = preflight.header("access-control-request-method", "PATCH").answer().await;
    let allowed = preflight.header("access-control-allow-methods").unwrap();
    assert!(allowed.contains("PATCH"), "{allowed}");
    let begun = tus.create_request(9).header("origin", "https://fans.example").answer().await;
    let exposed = begun.header("access-control-expose-headers").unwrap().to_lowercase();
    for header in ["location", "upload-offset", "upload-length", "tus-resumable", "upload-expires"]
    {
        assert!(exposed.contains(header), "{header}: {exposed}");
    }
}
