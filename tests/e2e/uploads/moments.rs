//! The worst moments of an upload: in the middle of its end, and of a piece.

use std::time::Duration;

use bytes::Bytes;
use commands::{Context, NewUpload, Piece, ResumableError, Sweeper, Swept, UploadId};
use domain::event::Erased;
use domain::{AccountEvent, EmailKey, Event};
use futures_util::{StreamExt, stream};
use infra::object_storage::ByteStream;
use tokio::sync::oneshot;

use crate::e2e::harness::clip;
use crate::e2e::sweep::{Scene, body};

impl Scene {
    async fn begin(&self, length: usize) -> UploadId {
        let new = NewUpload {
            length: length as u64,
            title: "Mi canción".to_owned(),
            description: None,
            metadata: String::new(),
        };
        let begun = self.commands.begin_upload(&Context::default(), self.ana.id, &new).await;
        begun.unwrap().id
    }

    fn append(
        &self,
        upload: UploadId,
        offset: usize,
        body: ByteStream,
    ) -> tokio::task::JoinHandle<Result<commands::Appended, ResumableError>> {
        let (commands, actor) = (self.commands.clone(), self.ana.id);
        let piece = Piece { offset: offset as u64, declared: None, checksum: None, body };
        tokio::spawn(async move {
            commands.append_to_upload(Context::default(), actor, upload, piece).await
        })
    }
}

/// The process that takes the last byte dies before its event is in the log, or comes back to life.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_cut_short_is_taken_up_by_another() {
    let scene = Scene::open().await;
    let clip = clip::broken();
    let upload = scene.begin(clip.len()).await;
    let dying = scene.append(upload, 0, body(clip));
    scene.gate.arrived.acquire().await.unwrap().forget();
    assert_eq!(scene.objects().await.len(), 2, "the piece, and the original that nobody knows");

    // It asks how far the upload is, and must not hear that all is done before it is.
    let other = scene.elsewhere();
    let resumed = other.resume_upload(&Context::default(), scene.ana.id, upload).await.unwrap();
    let video = resumed.video.expect("it is entered");
    scene.open_gate();
    assert_eq!(dying.await.unwrap().unwrap().upload.video, Some(video));

    let _projector = scene.fold().await;
    let videos: Vec<uuid::Uuid> = sqlx::query_scalar("select video_id from videos")
        .fetch_all(&scene.world.pool)
        .await
        .unwrap();
    assert_eq!(videos, [video.0]);
    scene.sweep(Duration::ZERO).await;
    let objects = scene.objects().await;
    assert_eq!(objects.len(), 1, "the original of the one video: {objects:?}");
}

/// A body that brings this, and then waits.
fn waiting(bytes: &'static [u8]) -> (ByteStream, oneshot::Sender<()>, oneshot::Receiver<()>) {
    let (release, released) = oneshot::channel();
    let (arrive, arrived) = oneshot::channel();
    let rest = stream::once(async move {
        arrive.send(()).unwrap();
        released.await.unwrap();
        Ok(Bytes::from_static(b"rest"))
    });
    (stream::iter([Ok(Bytes::from_static(bytes))]).chain(rest).boxed(), release, arrived)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_expires_while_a_piece_is_on_its_way() {
    let scene = Scene::open().await;
    let upload = scene.begin(100).await;
    scene.append(upload, 0, body(vec![1; 10])).await.unwrap().unwrap();
    let (bytes, release, arrived) = waiting(b"more");
    let appending = scene.append(upload, 10, bytes);
    arrived.await.unwrap();
    assert_eq!(scene.sweep(Sweeper::GRACE).await, Swept::default());

    // Only a clock that leaps can do this: a piece on its way keeps its upload alive.
    sqlx::query("update resumable_uploads set expires_at = now()")
        .execute(&scene.world.pool)
        .await
        .unwrap();
    let swept = scene.sweep(Sweeper::GRACE).await;
    assert_eq!(swept, Swept { resumable_uploads: 1, ..Swept::default() });
    release.send(()).unwrap();
    assert!(matches!(appending.await.unwrap(), Err(ResumableError::Unknown)));
    assert_eq!(scene.objects().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_between_their_objects_and_their_rows() {
    let scene = Scene::open().await;
    let upload = scene.begin(100).await;
    scene.append(upload, 0, body(vec![1; 10])).await.unwrap().unwrap();
    let kept = scene.objects().await;
    scene.put(&format!("uploads/{upload}-10-{}", uuid::Uuid::new_v4().simple())).await;
    scene.put(&format!("uploads/{}-0-x", uuid::Uuid::nil())).await;
    scene.put("uploads/of-somebody-else").await;
    assert_eq!(scene.sweep(Sweeper::GRACE).await, Swept::default(), "they are young");
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept { objects: 2, ..Swept::default() });
    let left = scene.objects().await;
    assert!(kept.iter().all(|key| left.contains(key)), "what counts stays: {left:?}");
    assert!(left.contains(&"uploads/of-somebody-else".to_owned()));
}

/// The event stands in the log, and the process that was to do the rest is gone.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_who_has_left_are_swept() {
    let scene = Scene::open().await;
    let upload = scene.begin(100).await;
    scene.append(upload, 0, body(vec![1; 10])).await.unwrap().unwrap();
    let email: String = sqlx::query_scalar("select email_key from accounts where account_id = $1")
        .bind(scene.ana.id.0)
        .fetch_one(&scene.world.pool)
        .await
        .unwrap();
    let erased = AccountEvent::Erased(Erased { account_id: scene.ana.id });
    scene.world.append(vec![Event::Account(EmailKey::parse(&email).unwrap(), erased)]).await;
    let _projector = scene.fold().await;
    let swept = scene.sweep(Sweeper::GRACE).await;
    assert_eq!(swept, Swept { personal_data: 1, resumable_uploads: 1, ..Swept::default() });
    assert_eq!(scene.objects().await, Vec::<String>::new());
}
