//! The sweep between the steps of a request: before its event is appended, and before it is folded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commands::{Answer, CommandContext, CommandError, Registration, Sweeper, Swept};
use domain::AccountId;
use futures_util::stream::BoxStream;
use infra::object_storage::{ByteStream, ObjectInfo, ObjectKey, ObjectStorage, StorageError};
use tokio::task::JoinHandle;

use super::harness::gated_commands::GatedCommands;

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_spares_an_upload_between_its_object_and_its_event() {
    let fixture = GatedCommands::open().await;
    let uploading = fixture.upload().await;
    assert_eq!(fixture.objects().await.len(), 1);
    assert_eq!(fixture.sweep(Sweeper::GRACE).await, Swept::default());
    fixture.open_gate();
    assert!(matches!(uploading.await.unwrap(), Ok(Answer::Pending(_))));
    let first = fixture.objects().await;
    assert_eq!(first.len(), 1);

    // Without the grace period the sweep deletes the object, so the grace is what spares it.
    let _projector = fixture.fold().await;
    let uploading = fixture.upload().await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept { objects: 1, ..Swept::default() });
    assert_eq!(fixture.objects().await, first, "the sweep deleted an object of an event");
    uploading.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_spares_an_upload_between_its_event_and_its_fold() {
    let fixture = GatedCommands::open().await;
    fixture.open_gate();
    let uploading = fixture.upload().await;
    assert!(matches!(uploading.await.unwrap(), Ok(Answer::Pending(_))));
    // The read models lag behind the log, so the sweep deletes nothing, not even without a grace period.
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    let _projector = fixture.fold().await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    assert_eq!(fixture.objects().await.len(), 1);
}

/// The results lie where another attempt writes them again, right before it appends its event.
#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_spares_results_between_their_objects_and_their_event() {
    let fixture = GatedCommands::open().await;
    fixture.open_gate();
    assert!(matches!(fixture.upload().await.await.unwrap(), Ok(Answer::Pending(_))));
    let _projector = fixture.fold().await;
    let video: uuid::Uuid = sqlx::query_scalar("select video_id from videos")
        .fetch_one(&fixture.env.pool)
        .await
        .unwrap();
    fixture.put(&format!("processed/{video}.mp4")).await;
    fixture.put(&format!("posters/{video}.jpg")).await;
    fixture.put(&format!("processed/{}.mp4", uuid::Uuid::nil())).await;
    fixture.put(&format!("posters/{}.jpg", uuid::Uuid::nil())).await;
    // The key names no video, so no version of the transcoder has written this object.
    fixture.put("posters/nobody.jpg").await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept { objects: 2, ..Swept::default() });
    assert_eq!(fixture.objects().await.len(), 4);

    fixture.env.fail_processing(domain::VideoId(video)).await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept { objects: 2, ..Swept::default() });
    assert_eq!(fixture.objects().await.len(), 2, "the sweep deleted the original");
}

type Registering = JoinHandle<Result<Answer<AccountId>, CommandError>>;

impl GatedCommands {
    /// Starts a sign-up that stops at the gate: its personal data is stored, its event is not appended.
    async fn register(&self) -> Registering {
        let commands = self.commands.clone();
        let registering = tokio::spawn(async move {
            let registration = Registration {
                first_name: "Beto".to_owned(),
                last_name: "Ríos".to_owned(),
                email: "beto@example.com".to_owned(),
                password: "correcto caballo".to_owned(),
                city: "Cali".to_owned(),
                country: "Colombia".to_owned(),
            };
            let context =
                CommandContext { idempotency_key: Some("beto".to_owned()), ..Default::default() };
            commands.register(&context, registration).await
        });
        self.gate.arrived.acquire().await.unwrap().forget();
        registering
    }

    async fn persons(&self) -> Vec<String> {
        sqlx::query_scalar("select first_name from personal_data order by first_name")
            .fetch_all(&self.env.pool)
            .await
            .unwrap()
    }

    async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.env.pool).await.unwrap();
    }
}

const ONE_PERSON: Swept = Swept {
    personal_data: 1,
    withdrawn: 0,
    resumable_uploads: 0,
    objects: 0,
    partial_uploads: 0,
    failed: 0,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_spares_a_registration_between_its_personal_data_and_its_event() {
    let fixture = GatedCommands::open().await;
    let registering = fixture.register().await;
    assert_eq!(fixture.sweep(Sweeper::GRACE).await, Swept::default());
    fixture.open_gate();
    assert!(matches!(registering.await.unwrap(), Ok(Answer::Pending(_))));
    // The read models lag behind the log, so the sweep deletes nothing, not even without a grace period.
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    let _projector = fixture.fold().await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    assert_eq!(fixture.persons().await, ["Ana", "Beto"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_removes_personal_data_whose_event_never_came() {
    let fixture = GatedCommands::open().await;
    fixture.register().await.abort();
    assert_eq!(fixture.sweep(Sweeper::GRACE).await, Swept::default());
    assert_eq!(fixture.persons().await, ["Ana", "Beto"]);
    fixture.run("update personal_data set created_at = now() - interval '25 hours'").await;
    assert_eq!(fixture.sweep(Sweeper::GRACE).await, ONE_PERSON);
    assert_eq!(fixture.persons().await, ["Ana"]);
}

/// The event of the retry may be appended any moment.
#[tokio::test(flavor = "multi_thread")]
async fn the_grace_of_personal_data_begins_again_with_a_retry() {
    let fixture = GatedCommands::open().await;
    fixture.register().await.abort();
    fixture.run("update personal_data set created_at = now() - interval '25 hours'").await;
    let retried = fixture.register().await;
    assert_eq!(fixture.sweep(Sweeper::GRACE).await, Swept::default());
    fixture.open_gate();
    assert!(matches!(retried.await.unwrap(), Ok(Answer::Pending(_))));
    let _projector = fixture.fold().await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    assert_eq!(fixture.persons().await, ["Ana", "Beto"]);
}

/// Read models that were rebuilt from an empty or an older log do not have the account of a person who
/// has signed up long ago.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_log_does_not_make_the_sweep_forget_anybody() {
    let fixture = GatedCommands::open().await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    fixture.run("delete from accounts").await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    assert_eq!(fixture.persons().await, ["Ana"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_removes_nothing_as_unknown_while_the_log_is_shorter_than_what_was_folded() {
    let fixture = GatedCommands::open().await;
    fixture.register().await.abort();
    fixture.put(&format!("processed/{}.mp4", uuid::Uuid::nil())).await;
    fixture.run("update checkpoints set next_offset = next_offset + 1").await;
    let swept = fixture.sweep(Duration::ZERO).await;
    assert_eq!(swept, Swept { failed: 2, ..Swept::default() }, "persons and objects");
    assert_eq!(fixture.persons().await, ["Ana", "Beto"]);
}

/// A store that may not list its unfinished uploads.
struct ForbiddenListing(Arc<dyn ObjectStorage>);

#[async_trait]
impl ObjectStorage for ForbiddenListing {
    async fn put(
        &self,
        key: &ObjectKey,
        content_type: &str,
        body: ByteStream,
    ) -> Result<u64, StorageError> {
        self.0.put(key, content_type, body).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<ByteStream, StorageError> {
        self.0.get(key).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        self.0.delete(key).await
    }

    async fn url(&self, key: &ObjectKey, valid_for: Duration) -> Result<String, StorageError> {
        self.0.url(key, valid_for).await
    }

    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<ObjectInfo, StorageError>>, StorageError> {
        self.0.list(prefix).await
    }

    async fn sweep_partial(&self, _: Duration) -> Result<u64, StorageError> {
        Err(StorageError::unavailable("AccessDenied"))
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.0.check().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_part_of_the_sweep_does_not_stop_the_others() {
    let fixture = GatedCommands::open().await;
    fixture.register().await.abort();
    fixture.put(&format!("processed/{}.mp4", uuid::Uuid::nil())).await;
    let forbidden = Arc::new(ForbiddenListing(fixture.storage()));
    let swept = fixture.sweep_store(forbidden, Duration::ZERO).await;
    assert_eq!(swept, Swept { objects: 1, failed: 1, ..ONE_PERSON });
}
