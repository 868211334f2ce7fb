//! Crashes, expiry and sweeps between the steps of an upload.

use std::time::Duration;

use bytes::Bytes;
use commands::{CommandContext, NewUpload, Piece, ResumableError, Sweeper, Swept, UploadId};
use domain::event::Erased;
use domain::{AccountEvent, EmailKey, Event};
use futures_util::{StreamExt, stream};
use infra::object_storage::ByteStream;
use tokio::sync::oneshot;

use crate::e2e::harness::clip;
use crate::e2e::harness::gated_commands::{GatedCommands, body};

impl GatedCommands {
    async fn begin(&self, length: usize) -> UploadId {
        let new = NewUpload {
            length: length as u64,
            title: "Mi canción".to_owned(),
            description: None,
            metadata: String::new(),
        };
        let begun =
            self.commands.create_upload(&CommandContext::default(), self.ana.id, &new).await;
        begun.unwrap().id
    }

    fn append(
        &self,
        upload: UploadId,
        offset: usize,
        body: ByteStream,
    ) -> tokio::task::JoinHandle<Result<commands::AppendedPiece, ResumableError>> {
        let (commands, actor) = (self.commands.clone(), self.ana.id);
        let piece = Piece { offset: offset as u64, declared: None, checksum: None, body };
        tokio::spawn(async move {
            commands.append_to_upload(CommandContext::default(), actor, upload, piece).await
        })
    }
}

/// The process with the last byte stops before its event is in the log, and continues later.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_completion_is_finished_by_another_process() {
    let fixture = GatedCommands::open().await;
    let clip = clip::broken();
    let upload = fixture.begin(clip.len()).await;
    let dying = fixture.append(upload, 0, body(clip));
    fixture.gate.arrived.acquire().await.unwrap().forget();
    assert_eq!(fixture.objects().await.len(), 2, "not the piece and the original");

    // The other process must not report the upload as complete before its event is in the log.
    let other = fixture.in_another_process();
    let resumed =
        other.resume_upload(&CommandContext::default(), fixture.ana.id, upload).await.unwrap();
    let video = resumed.video.expect("the upload has no video");
    fixture.open_gate();
    assert_eq!(dying.await.unwrap().unwrap().upload.video, Some(video));

    let _projector = fixture.fold().await;
    let videos: Vec<uuid::Uuid> = sqlx::query_scalar("select video_id from videos")
        .fetch_all(&fixture.env.pool)
        .await
        .unwrap();
    assert_eq!(videos, [video.0]);
    fixture.sweep(Duration::ZERO).await;
    let objects = fixture.objects().await;
    assert_eq!(objects.len(), 1, "the original of the one video: {objects:?}");
}

/// A body that sends these bytes and waits before the rest.
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
async fn a_piece_of_an_upload_that_expires_meanwhile_is_rejected() {
    let fixture = GatedCommands::open().await;
    let upload = fixture.begin(100).await;
    fixture.append(upload, 0, body(vec![1; 10])).await.unwrap().unwrap();
    let (bytes, release, arrived) = waiting(b"more");
    let appending = fixture.append(upload, 10, bytes);
    arrived.await.unwrap();
    assert_eq!(fixture.sweep(Sweeper::GRACE).await, Swept::default());

    // Simulates a clock jump; otherwise a piece in transit keeps its upload from expiring.
    sqlx::query("update resumable_uploads set expires_at = now()")
        .execute(&fixture.env.pool)
        .await
        .unwrap();
    let swept = fixture.sweep(Sweeper::GRACE).await;
    assert_eq!(swept, Swept { resumable_uploads: 1, ..Swept::default() });
    release.send(()).unwrap();
    assert!(matches!(appending.await.unwrap(), Err(ResumableError::Unknown)));
    assert_eq!(fixture.objects().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_spares_pieces_between_their_objects_and_their_rows() {
    let fixture = GatedCommands::open().await;
    let upload = fixture.begin(100).await;
    fixture.append(upload, 0, body(vec![1; 10])).await.unwrap().unwrap();
    let kept = fixture.objects().await;
    fixture.put(&format!("uploads/{upload}-10-{}", uuid::Uuid::new_v4().simple())).await;
    fixture.put(&format!("uploads/{}-0-x", uuid::Uuid::nil())).await;
    fixture.put("uploads/of-somebody-else").await;
    assert_eq!(
        fixture.sweep(Sweeper::GRACE).await,
        Swept::default(),
        "the sweep deleted young pieces"
    );
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept { objects: 2, ..Swept::default() });
    let left = fixture.objects().await;
    assert!(
        kept.iter().all(|key| left.contains(key)),
        "the sweep deleted a counted piece: {left:?}"
    );
    assert!(left.contains(&"uploads/of-somebody-else".to_owned()));
}

/// The event is in the log, and the process that should delete the uploads has crashed.
#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_removes_uploads_of_erased_accounts() {
    let fixture = GatedCommands::open().await;
    let upload = fixture.begin(100).await;
    fixture.append(upload, 0, body(vec![1; 10])).await.unwrap().unwrap();
    let email: String = sqlx::query_scalar("select email_key from accounts where account_id = $1")
        .bind(fixture.ana.id.0)
        .fetch_one(&fixture.env.pool)
        .await
        .unwrap();
    let erased = AccountEvent::Erased(Erased { account_id: fixture.ana.id });
    fixture.env.append_events(vec![Event::Account(EmailKey::parse(&email).unwrap(), erased)]).await;
    let _projector = fixture.fold().await;
    let swept = fixture.sweep(Sweeper::GRACE).await;
    assert_eq!(swept, Swept { personal_data: 1, resumable_uploads: 1, ..Swept::default() });
    assert_eq!(fixture.objects().await, Vec::<String>::new());
}
