//! What breaks while an upload is under way.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use super::{has_one_video, pieces, videos};
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::server::free_port;
use crate::e2e::harness::tus::{PIECE, Tus, offset};
use crate::e2e::harness::{Answer, Person, Roles, Server, World, clip, eventually};

on_both!(
    of_two_pieces_at_once_one_counts,
    what_came_before_a_cut_is_kept,
    a_server_dies_in_the_middle,
    a_server_is_stopped_in_the_middle,
    many_ask_at_the_end,
    an_upload_expires,
    who_leaves_takes_uploads_along,
);

/// The pieces in storage, where that is a folder.
fn files(world: &World) -> Vec<PathBuf> {
    let folder = world.folder().join("data/media/objects/uploads");
    std::fs::read_dir(folder).map_or(Vec::new(), |files| files.map(|f| f.unwrap().path()).collect())
}

async fn of_two_pieces_at_once_one_counts(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let tus = Tus::of(&server.api, &ana);
    let clip = clip::real();
    let (half, rest) = clip.split_at(clip.len() / 2);
    let upload = tus.create(clip.len()).await;
    // Each sends its second part once both have sent their first.
    let barrier = Arc::new(Barrier::new(2));
    let send = || {
        let (first, second) = (half[..100].to_vec(), half[100..].to_vec());
        let barrier = Arc::clone(&barrier);
        let second = stream::once(async move {
            barrier.wait().await;
            Ok::<_, std::io::Error>(second)
        });
        let body = reqwest::Body::wrap_stream(stream::iter([Ok(first)]).chain(second));
        tus.patch_request(&upload, 0, body).answer()
    };
    let (a, b) = tokio::join!(send(), send());
    let (taken, refused): (Vec<Answer>, Vec<Answer>) =
        [a, b].into_iter().partition(|answer| answer.status == 204);
    assert_eq!(offset(&taken[0]), half.len());
    refused[0].error(409, "La subida no está en esa posición");
    assert_eq!(pieces(&world).await, 1);
    assert!(files(&world).len() <= 1, "{:?}", files(&world));
    assert_eq!(tus.patch(&upload, half.len(), rest).await.status, 204);
    has_one_video(&server.api, &ana, &clip).await;
    assert_eq!((pieces(&world).await, files(&world).len()), (0, 0));
}

/// Sends a part of a piece, and no more. Whoever drops the connection hangs up.
async fn begin_piece(
    server: &Server,
    ana: &Person,
    upload: &str,
    at: usize,
    whole: usize,
    part: &[u8],
) -> TcpStream {
    let address = server.api.base.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         tus-resumable: 1.0.0\r\nupload-offset: {at}\r\ncontent-type: {PIECE}\r\n\
         content-length: {whole}\r\n\r\n",
        ana.token
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(part).await.unwrap();
    connection
}

async fn what_came_before_a_cut_is_kept(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let tus = Tus::of(&server.api, &ana);
    let clip = clip::real();
    let upload = tus.create(clip.len()).await;
    let mut at = 0;
    for end in [1, 1_000, clip.len() / 2, clip.len() - 1] {
        drop(begin_piece(&server, &ana, &upload, at, clip.len() - at, &clip[at..end]).await);
        eventually("what came is kept", async || (tus.offset(&upload).await == end).then_some(()))
            .await;
        at = end;
    }
    assert_eq!(tus.patch(&upload, at, &clip[at..]).await.status, 204);
    has_one_video(&server.api, &ana, &clip).await;
}

async fn a_server_dies_in_the_middle(world: World) {
    let port = free_port();
    let mut server = Server::start_with(&world, Roles::NoTranscoder, port, &[]).await;
    let other = Server::start_with(&world, Roles::Api, free_port(), &[]).await;
    let ana = server.api.somebody("Ana").await;
    let tus = Tus::of(&server.api, &ana);
    let clip = clip::real();
    let upload = tus.create(clip.len()).await;
    let third = clip.len() / 3;
    assert_eq!(tus.patch(&upload, 0, &clip[..third]).await.status, 204);
    server.kill().await;
    assert_eq!(Tus::of(&other.api, &ana).offset(&upload).await, third, "others know it");
    let second = Tus::of(&other.api, &ana).patch(&upload, third, &clip[third..2 * third]).await;
    assert_eq!(second.status, 204);
    server = Server::start_with(&world, Roles::NoTranscoder, port, &[]).await;
    let at = tus.offset(&upload).await;
    assert_eq!(tus.patch(&upload, at, &clip[at..]).await.status, 204);
    has_one_video(&server.api, &ana, &clip).await;
    assert_eq!(Tus::of(&other.api, &ana).offset(&upload).await, clip.len());
}

/// Whoever stops it does not wait for slow pieces; what has come of them is kept.
async fn a_server_is_stopped_in_the_middle(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let clip = clip::real();
    let upload = Tus::of(&server.api, &ana).create(clip.len()).await;
    let half = clip.len() / 2;
    let _held = begin_piece(&server, &ana, &upload, 0, clip.len(), &clip[..half]).await;
    let spools = ["data/media/partial", "data/spool"].map(|folder| world.folder().join(folder));
    eventually("half of the piece is there", async || {
        let files = spools.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
        sizes.into_iter().any(|size| size == half as u64).then_some(())
    })
    .await;
    assert!(server.terminate().await.success());
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let tus = Tus::of(&server.api, &ana);
    assert_eq!(tus.offset(&upload).await, half);
    assert_eq!(tus.patch(&upload, half, &clip[half..]).await.status, 204);
    has_one_video(&server.api, &ana, &clip).await;
}

/// The last piece, and those who ask how far it is, come all at once and more than once.
async fn many_ask_at_the_end(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let tus = Tus::of(&server.api, &ana);
    let clip = clip::real();
    let upload = tus.create(clip.len()).await;
    assert_eq!(tus.patch(&upload, 0, &clip[..9]).await.status, 204);
    let last = || tus.patch(&upload, 9, &clip[9..]);
    let (a, b, c, d, e) =
        tokio::join!(last(), tus.head(&upload), last(), tus.head(&upload), last());
    for answer in [&a, &c, &e] {
        assert!(matches!(answer.status, 204 | 409), "{answer:?}");
    }
    for answer in [b, d] {
        assert_eq!(
            (answer.status, offset(&answer) == clip.len()),
            (200, answer.header("x-video-id").is_some())
        );
    }
    has_one_video(&server.api, &ana, &clip).await;
    assert_eq!((pieces(&world).await, files(&world).len()), (0, 0));
}

async fn an_upload_expires(world: World) {
    let server = Server::start_with(
        &world,
        Roles::NoTranscoder,
        free_port(),
        &[("UPLOAD_EXPIRE_MINUTES", "60")],
    )
    .await;
    let ana = server.api.somebody("Ana").await;
    let tus = Tus::of(&server.api, &ana);
    let [old, live] = [tus.create(100).await, tus.create(100).await];
    for upload in [&old, &live] {
        assert_eq!(tus.patch(upload, 0, &[1; 10]).await.status, 204);
    }
    let id: uuid::Uuid = old.rsplit('/').next().unwrap().parse().unwrap();
    let sql = "update resumable_uploads set expires_at = now() where upload_id = $1";
    sqlx::query(sql).bind(id).execute(&world.pool).await.unwrap();
    let head = tus.head(&old).await;
    assert_eq!((head.status, head.header("upload-offset")), (410, None));
    tus.patch(&old, 10, &[1; 10]).await.error(410, "La subida ha caducado");
    tus.cancel(&old).await.error(410, "La subida ha caducado");
    assert_eq!(tus.offset(&live).await, 10);

    let _sweeper = Server::start_with(&world, Roles::All, free_port(), &[]).await;
    eventually("the sweep has removed it", async || (pieces(&world).await == 1).then_some(()))
        .await;
    assert_eq!(tus.head(&old).await.status, 404);
    eventually("its piece, too", async || (files(&world).len() <= 1).then_some(())).await;
    assert_eq!(offset(&tus.patch(&live, 10, &[1; 10]).await), 20);
}

async fn who_leaves_takes_uploads_along(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let (ana, beto) = (server.api.somebody("Ana").await, server.api.somebody("Beto").await);
    for owner in [&ana, &beto] {
        let tus = Tus::of(&server.api, owner);
        let upload = tus.create(100).await;
        assert_eq!(tus.patch(&upload, 0, &[1; 10]).await.status, 204);
    }
    server.api.erase(&ana).await.ok(200);
    let owners: Vec<uuid::Uuid> = sqlx::query_scalar("select owner from resumable_uploads")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(owners, [beto.id.0]);
    assert!(files(&world).len() <= 1, "{:?}", files(&world));
    let refused = Tus::of(&server.api, &ana).create_request(9).answer().await;
    refused.error(401, "User not found");
    assert!(videos(&server.api, &beto).await.is_empty());
}
