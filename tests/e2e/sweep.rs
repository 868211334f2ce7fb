//! The sweep between the steps of a request: before its event is appended, and before it is folded.

use std::time::Duration;

use commands::{Answer, CommandContext, Registration, Sweeper, Swept};

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
    fixture.put("posters/nobody.jpg").await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept { objects: 2, ..Swept::default() });
    assert_eq!(fixture.objects().await.len(), 3);

    fixture.env.fail_processing(domain::VideoId(video)).await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept { objects: 2, ..Swept::default() });
    assert_eq!(fixture.objects().await.len(), 1, "the sweep deleted the original");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_spares_a_registration_between_its_personal_data_and_its_event() {
    let fixture = GatedCommands::open().await;
    let commands = fixture.commands.clone();
    let registering = tokio::spawn(async move {
        let registration = Registration {
            first_name: "Beto".to_owned(),
            last_name: "Ríos".to_owned(),
            email: "beto@example.com".to_owned(),
            password: "correcto caballo".to_owned(),
            city: "Cali".to_owned(),
            country: "Colombia".to_owned(),
        };
        commands.register(&CommandContext::default(), registration).await
    });
    fixture.gate.arrived.acquire().await.unwrap().forget();
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    fixture.open_gate();
    assert!(matches!(registering.await.unwrap(), Ok(Answer::Pending(_))));
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    let _projector = fixture.fold().await;
    assert_eq!(fixture.sweep(Duration::ZERO).await, Swept::default());
    let people: Vec<String> = sqlx::query_scalar(
        "select p.first_name from visible_persons p join accounts using (account_id)",
    )
    .fetch_all(&fixture.env.pool)
    .await
    .unwrap();
    assert!(people.contains(&"Beto".to_owned()), "{people:?}");
}
