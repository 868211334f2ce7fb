//! Interruptions of uploads: disconnects, crashes, concurrency, expiry, erasure.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use super::state::{assert_one_video, count_pieces, videos_of};
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::server::free_port;
use crate::e2e::harness::tus::{PIECE, TusClient, offset};
use crate::e2e::harness::{ApiResponse, Person, Roles, Server, TestEnvironment, clip, eventually};

test_on_both_backends!(
    one_of_two_concurrent_pieces_counts,
    bytes_received_before_a_disconnect_are_kept,
    an_upload_continues_after_a_server_crash,
    an_upload_continues_after_a_server_stop,
    concurrent_last_pieces_make_one_video,
    an_expired_upload_is_gone_and_swept,
    an_erasure_deletes_unfinished_uploads,
);

/// The stored pieces, if the storage is a folder.
fn stored_pieces(env: &TestEnvironment) -> Vec<PathBuf> {
    let folder = env.folder().join("data/media/objects/uploads");
    std::fs::read_dir(folder).map_or(Vec::new(), |files| files.map(|f| f.unwrap().path()).collect())
}

async fn one_of_two_concurrent_pieces_counts(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let tus = TusClient::of(&server.api, &ana);
    let clip = clip::real();
    let (half, rest) = clip.split_at(clip.len() / 2);
    let upload = tus.create(clip.len()).await;
    // Each request sends its second part after both have sent their first.
    let barrier = Arc::new(Barrier::new(2));
    let send = || {
        let (first, second) = (half[..100].to_vec(), half[100..].to_vec());
        let barrier = Arc::clone(&barrier);
        let second = stream::once(async move {
            barrier.wait().await;
            Ok::<_, std::io::Error>(second)
        });
        let body = reqwest::Body::wrap_stream(stream::iter([Ok(first)]).chain(second));
        tus.patch_request(&upload, 0, body).response()
    };
    let (a, b) = tokio::join!(send(), send());
    let (taken, refused): (Vec<ApiResponse>, Vec<ApiResponse>) =
        [a, b].into_iter().partition(|response| response.status == 204);
    assert_eq!(offset(&taken[0]), half.len());
    refused[0].expect_error(409, "La subida no está en esa posición");
    assert_eq!(count_pieces(&env).await, 1);
    assert!(stored_pieces(&env).len() <= 1, "{:?}", stored_pieces(&env));
    assert_eq!(tus.patch(&upload, half.len(), rest).await.status, 204);
    assert_one_video(&server.api, &ana, &clip).await;
    assert_eq!((count_pieces(&env).await, stored_pieces(&env).len()), (0, 0));
}

/// Sends a part of a piece. Dropping the returned connection disconnects.
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

async fn bytes_received_before_a_disconnect_are_kept(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let tus = TusClient::of(&server.api, &ana);
    let clip = clip::real();
    let upload = tus.create(clip.len()).await;
    let mut at = 0;
    for end in [1, 1_000, clip.len() / 2, clip.len() - 1] {
        drop(begin_piece(&server, &ana, &upload, at, clip.len() - at, &clip[at..end]).await);
        eventually("the received bytes are kept", async || {
            (tus.offset(&upload).await == end).then_some(())
        })
        .await;
        at = end;
    }
    assert_eq!(tus.patch(&upload, at, &clip[at..]).await.status, 204);
    assert_one_video(&server.api, &ana, &clip).await;
}

async fn an_upload_continues_after_a_server_crash(env: TestEnvironment) {
    let port = free_port();
    let mut server = Server::start_with(&env, Roles::NoTranscoder, port, &[]).await;
    let other = Server::start_with(&env, Roles::Api, free_port(), &[]).await;
    let ana = server.api.new_person("Ana").await;
    let tus = TusClient::of(&server.api, &ana);
    let clip = clip::real();
    let upload = tus.create(clip.len()).await;
    let third = clip.len() / 3;
    assert_eq!(tus.patch(&upload, 0, &clip[..third]).await.status, 204);
    server.kill().await;
    assert_eq!(
        TusClient::of(&other.api, &ana).offset(&upload).await,
        third,
        "another process has another offset"
    );
    let second =
        TusClient::of(&other.api, &ana).patch(&upload, third, &clip[third..2 * third]).await;
    assert_eq!(second.status, 204);
    server = Server::start_with(&env, Roles::NoTranscoder, port, &[]).await;
    let at = tus.offset(&upload).await;
    assert_eq!(tus.patch(&upload, at, &clip[at..]).await.status, 204);
    assert_one_video(&server.api, &ana, &clip).await;
    assert_eq!(TusClient::of(&other.api, &ana).offset(&upload).await, clip.len());
}

/// The stop does not wait for slow pieces; their received bytes are kept.
async fn an_upload_continues_after_a_server_stop(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let clip = clip::real();
    let upload = TusClient::of(&server.api, &ana).create(clip.len()).await;
    let half = clip.len() / 2;
    let _held = begin_piece(&server, &ana, &upload, 0, clip.len(), &clip[..half]).await;
    let spools = ["data/media/partial", "data/spool"].map(|folder| env.folder().join(folder));
    eventually("half of the piece is received", async || {
        let files = spools.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
        sizes.into_iter().any(|size| size == half as u64).then_some(())
    })
    .await;
    assert!(server.terminate().await.success());
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let tus = TusClient::of(&server.api, &ana);
    assert_eq!(tus.offset(&upload).await, half);
    assert_eq!(tus.patch(&upload, half, &clip[half..]).await.status, 204);
    assert_one_video(&server.api, &ana, &clip).await;
}

/// Several last pieces and offset requests come at the same time.
async fn concurrent_last_pieces_make_one_video(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let tus = TusClient::of(&server.api, &ana);
    let clip = clip::real();
    let upload = tus.create(clip.len()).await;
    assert_eq!(tus.patch(&upload, 0, &clip[..9]).await.status, 204);
    let last = || tus.patch(&upload, 9, &clip[9..]);
    let (a, b, c, d, e) =
        tokio::join!(last(), tus.head(&upload), last(), tus.head(&upload), last());
    for response in [&a, &c, &e] {
        assert!(matches!(response.status, 204 | 409), "{response:?}");
    }
    for response in [b, d] {
        assert_eq!(
            (response.status, offset(&response) == clip.len()),
            (200, response.header("x-video-id").is_some())
        );
    }
    assert_one_video(&server.api, &ana, &clip).await;
    assert_eq!((count_pieces(&env).await, stored_pieces(&env).len()), (0, 0));
}

async fn an_expired_upload_is_gone_and_swept(env: TestEnvironment) {
    let server = Server::start_with(
        &env,
        Roles::NoTranscoder,
        free_port(),
        &[("UPLOAD_EXPIRE_MINUTES", "60")],
    )
    .await;
    let ana = server.api.new_person("Ana").await;
    let tus = TusClient::of(&server.api, &ana);
    let [old, live] = [tus.create(100).await, tus.create(100).await];
    for upload in [&old, &live] {
        assert_eq!(tus.patch(upload, 0, &[1; 10]).await.status, 204);
    }
    let id: uuid::Uuid = old.rsplit('/').next().unwrap().parse().unwrap();
    let sql = "update resumable_uploads set expires_at = now() where upload_id = $1";
    sqlx::query(sql).bind(id).execute(&env.pool).await.unwrap();
    let head = tus.head(&old).await;
    assert_eq!((head.status, head.header("upload-offset")), (410, None));
    tus.patch(&old, 10, &[1; 10]).await.expect_error(410, "La subida ha caducado");
    tus.cancel(&old).await.expect_error(410, "La subida ha caducado");
    assert_eq!(tus.offset(&live).await, 10);

    let due = "update sweep_lease set next_sweep_at = now()";
    sqlx::query(due).execute(&env.pool).await.unwrap();
    let _sweeper = Server::start_with(&env, Roles::All, free_port(), &[]).await;
    eventually("the sweep has removed it", async || (count_pieces(&env).await == 1).then_some(()))
        .await;
    assert_eq!(tus.head(&old).await.status, 404);
    eventually("the sweep has removed its piece", async || {
        (stored_pieces(&env).len() <= 1).then_some(())
    })
    .await;
    assert_eq!(offset(&tus.patch(&live, 10, &[1; 10]).await), 20);
}

async fn an_erasure_deletes_unfinished_uploads(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let (ana, beto) = (server.api.new_person("Ana").await, server.api.new_person("Beto").await);
    for owner in [&ana, &beto] {
        let tus = TusClient::of(&server.api, owner);
        let upload = tus.create(100).await;
        assert_eq!(tus.patch(&upload, 0, &[1; 10]).await.status, 204);
    }
    server.api.erase(&ana).await.expect(200);
    let owners: Vec<uuid::Uuid> = sqlx::query_scalar("select owner from resumable_uploads")
        .fetch_all(&env.pool)
        .await
        .unwrap();
    assert_eq!(owners, [beto.id.0]);
    assert!(stored_pieces(&env).len() <= 1, "{:?}", stored_pieces(&env));
    let refused = TusClient::of(&server.api, &ana).create_request(9).response().await;
    refused.expect_error(401, "User not found");
    assert!(videos_of(&server.api, &beto).await.is_empty());
}
