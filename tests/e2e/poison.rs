//! Records that are no events, written straight into the log: each becomes a dead letter, none stops
//! anything, and one that can be read after all can be appended again.

use domain::event::VoteCast;
use domain::{AccountId, Event, EventId, VideoEvent, VideoId};
use infra::event_log::NewRecord;
use infra::event_log::envelope::Envelope;
use infra::event_log::partition::partition_of;
use uuid::Uuid;

use super::harness::raw::RawRecord;
use super::harness::{Api, Person, Roles, Server, World, eventually};

const PARTITIONS: u32 = 8;

on_both!(poison_becomes_dead_letters_and_stops_nothing);

async fn poison_becomes_dead_letters_and_stops_nothing(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let beto = api.somebody("Beto").await;
    let video = world.published(&ana, 1).await[0];

    let mut positions = Vec::new();
    for record in poison(video) {
        positions.push(world.write_raw(record).await);
    }

    assert_eq!(api.vote(&ana, video).await.ok(200)["total_votes"], 1, "votes go on");
    world.caught_up().await;
    let listed = run(&world, &["dead-letters", "list"]).await;
    for position in &positions {
        let place = position.to_string();
        assert!(listed.lines().any(|line| line.trim_start().starts_with(&place)), "{listed}");
        let shown = run(&world, &["dead-letters", "show", &place]).await;
        assert!(shown.contains("\"problem\""), "{shown}");
    }
    counted_in_metrics(api, positions.len()).await;

    redriven(&world, api, &beto, video).await;

    assert!(server.interrupt().await.success());
    assert_eq!(world.checksums().await, world.rebuilt().await, "dead letters are rebuilt, too");
}

/// A vote that was written into a wrong partition counts once it is appended again, once.
async fn redriven(world: &World, api: &Api, voter: &Person, video: VideoId) {
    let vote = vote_of(video, voter.id.0);
    let wrong = (partition_of(vote.key.as_bytes(), PARTITIONS) + 1) % PARTITIONS;
    let position = world.write_raw(RawRecord::of(vote, wrong)).await.to_string();
    world.caught_up().await;
    assert_eq!(votes(world, video).await, 1, "in a wrong partition it is no vote");

    for _ in 0..2 {
        let said = run(world, &["dead-letters", "redrive", &position]).await;
        assert!(said.contains("was appended again"), "{said}");
    }
    eventually("the vote counts", async || (votes(world, video).await == 2).then_some(())).await;
    world.caught_up().await;
    assert_eq!(votes(world, video).await, 2, "once");
    api.vote(voter, video).await.error(400, "Ya has votado por este video");
}

fn poison(video: VideoId) -> Vec<RawRecord> {
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
        with("ce_type", b"anb.vote.bought"),
        with("ce_type", b"org.example.order.placed"),
        with("ce_schemaversion", b"99"),
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

async fn votes(world: &World, video: VideoId) -> i64 {
    sqlx::query_scalar("select votes from videos where video_id = $1")
        .bind(video.0)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

async fn counted_in_metrics(api: &Api, letters: usize) {
    let metrics = api.fetch("/metrics").await.text();
    let wanted = format!("anb_projection_dead_letters_total {letters}");
    assert!(metrics.lines().any(|line| line == wanted), "{wanted} is not in:\n{metrics}");
}

async fn run(world: &World, arguments: &[&str]) -> String {
    let output = world.anb(arguments).output().await.unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}
