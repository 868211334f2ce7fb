//! Unreadable records in the log: each becomes a dead letter, none stops the projection, and a dead
//! letter can be appended again.

use domain::event::VoteCast;
use domain::{AccountId, Event, EventId, VideoEvent, VideoId};
use infra::event_log::NewRecord;
use infra::event_log::envelope::Envelope;
use infra::event_log::partition::partition_of;
use uuid::Uuid;

use super::harness::raw_record::RawRecord;
use super::harness::{ApiClient, Person, Roles, Server, TestEnvironment, eventually};

const PARTITIONS: u32 = 8;

test_on_both_backends!(unreadable_records_become_dead_letters_and_stop_nothing);

async fn unreadable_records_become_dead_letters_and_stop_nothing(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let beto = api.new_person("Beto").await;
    let video = env.publish_videos(&ana, 1).await[0];

    let mut positions = Vec::new();
    for record in unreadable_records(video) {
        positions.push(env.write_raw(record).await);
    }

    assert_eq!(
        api.vote(&ana, video).await.expect(200)["total_votes"],
        1,
        "a vote after them does not count"
    );
    env.wait_until_caught_up().await;
    let listed = env.run(&["dead-letters", "list"]).await.unwrap();
    for position in &positions {
        let position_text = position.to_string();
        assert!(
            listed.lines().any(|line| line.trim_start().starts_with(&position_text)),
            "{listed}"
        );
        let shown = env.run(&["dead-letters", "show", &position_text]).await.unwrap();
        assert!(shown.contains("\"problem\""), "{shown}");
    }
    assert_counted_in_metrics(api, positions.len()).await;

    assert_redriven_vote_counts_once(&env, api, &beto, video).await;

    assert!(server.interrupt().await.success());
    assert_eq!(env.checksums().await, env.rebuild().await, "the rebuild differs");
}

test_on_both_backends!(a_newer_event_waits_and_holds_up_its_own_partition_only);

async fn a_newer_event_waits_and_holds_up_its_own_partition_only(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 8).await;
    let partition = |video: &VideoId| partition_of(format!("video-{video}").as_bytes(), PARTITIONS);
    let held = videos[0];
    let (waiting, others): (Vec<VideoId>, Vec<VideoId>) =
        videos.iter().partition(|video| partition(video) == partition(&held));
    for (header, value) in [("ce_schemaversion", "99"), ("ce_type", "anb.vote.bought")] {
        let mut record = RawRecord::of(vote_of(held, Uuid::new_v4()), partition(&held));
        record.set(header, value.as_bytes());
        env.write_raw(record).await;
    }
    eventually("the version is named", async || {
        let ready = api.fetch("/ready").await;
        let text = ready.text();
        (ready.status == 503 && text.contains("version 99 of `anb.vote.cast`")).then_some(())
    })
    .await;
    for video in others {
        assert_eq!(api.vote(&ana, video).await.expect(200)["total_votes"], 1);
    }
    for video in waiting {
        api.vote(&ana, video).await.expect(202);
    }
    let letters: i64 =
        sqlx::query_scalar("select count(*) from dead_letters").fetch_one(&env.pool).await.unwrap();
    assert_eq!(letters, 0);
}

/// A vote in the wrong partition counts after it is appended again, and counts once.
async fn assert_redriven_vote_counts_once(
    env: &TestEnvironment,
    api: &ApiClient,
    voter: &Person,
    video: VideoId,
) {
    let vote = vote_of(video, voter.id.0);
    let wrong = (partition_of(vote.key.as_bytes(), PARTITIONS) + 1) % PARTITIONS;
    let position = env.write_raw(RawRecord::of(vote, wrong)).await.to_string();
    env.wait_until_caught_up().await;
    assert_eq!(votes(env, video).await, 1, "a vote in the wrong partition counts");

    for _ in 0..2 {
        let said = env.run(&["dead-letters", "redrive", &position]).await.unwrap();
        assert!(said.contains("was appended again"), "{said}");
    }
    eventually("the vote counts", async || (votes(env, video).await == 2).then_some(())).await;
    env.wait_until_caught_up().await;
    assert_eq!(votes(env, video).await, 2, "the vote counts twice");
    api.vote(voter, video).await.expect_error(400, "Ya has votado por este video");
}

fn unreadable_records(video: VideoId) -> Vec<RawRecord> {
    let vote = || {
        let vote = vote_of(video, Uuid::new_v4());
        let partition = partition_of(vote.key.as_bytes(), PARTITIONS);
        RawRecord::of(vote, partition)
    };
    let with = |header: &str, value: &[u8]| {
        let mut record = vote();
        record.set(header, value);
        record
    };
    let mut no_headers = vote();
    no_headers.headers.clear();
    let strange_key = b"nobody-knows-this".to_vec();
    vec![
        RawRecord::default(),
        RawRecord { value: None, ..vote() },
        RawRecord { key: None, ..vote() },
        RawRecord { value: Some(b"{\"voter\":".to_vec()), ..vote() },
        RawRecord { value: Some(b"{}".to_vec()), ..vote() },
        RawRecord { value: Some(b"\"\\u0000\"".to_vec()), ..vote() },
        RawRecord { value: Some(vec![0xff; 100_000]), ..vote() },
        RawRecord {
            partition: partition_of(&strange_key, PARTITIONS),
            key: Some(strange_key),
            ..vote()
        },
        RawRecord { partition: 3, key: Some(vec![0, 0xff]), ..vote() },
        no_headers,
        with("ce_type", b"org.example.order.placed"),
        with("ce_schemaversion", b"0"),
        with("ce_schemaversion", b"one"),
        with("ce_id", b"nobody"),
        with("ce_subject", b"video-of-somebody-else"),
        with("ce_specversion", b"0.3"),
        with("ce_type", &[0xff, 0xfe, 0]),
    ]
}

fn vote_of(video: VideoId, voter: Uuid) -> NewRecord {
    let cast = VoteCast { voter: AccountId(voter) };
    let event = Event::Video(video, VideoEvent::VoteCast(cast));
    Envelope::new(EventId(Uuid::now_v7()), event).into_record().unwrap()
}

async fn votes(env: &TestEnvironment, video: VideoId) -> i64 {
    sqlx::query_scalar("select votes from videos where video_id = $1")
        .bind(video.0)
        .fetch_one(&env.pool)
        .await
        .unwrap()
}

async fn assert_counted_in_metrics(api: &ApiClient, letters: usize) {
    let metrics = api.fetch("/metrics").await.text();
    let wanted = format!("anb_projection_dead_letters_total {letters}");
    assert!(metrics.lines().any(|line| line == wanted), "{wanted} is not in:\n{metrics}");
}
