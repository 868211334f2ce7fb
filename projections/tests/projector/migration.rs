//! Plans that were prepared before a migration still work after it, on the same connections.

use std::sync::Arc;

use domain::contest::WorkingSetKeys;
use domain::event::VoteCast;
use domain::{Event, VideoEvent};
use infra::database::Pool;
use infra::event_log::EventLog;
use infra::event_log::envelope::Envelope;
use ports::read_models::ReadModels;
use ports::verdicts::VerdictLookup;
use projections::boards::Board;
use projections::queries::{Queries, operators};
use projections::rankings::{BoardsFollower, Rankings};
use projections::read_models::PostgresReadModels;
use projections::store::postgres::PostgresStore;
use projections::{ErasureEpoch, Projector};
use tokio::sync::watch;
use uuid::Uuid;

use crate::projector::history::{email, erased, person, processed, registered, uploaded, video};
use crate::projector::memory_log::MemoryLog;

/// A process whose every connection has prepared its statements.
struct Process {
    log: Arc<MemoryLog>,
    projector: Projector<PostgresStore>,
    follower: BoardsFollower,
    queries: Queries,
    read_models: PostgresReadModels,
    /// Has one connection, so that each statement meets the plan that was made for it.
    pool: Pool,
}

impl Process {
    async fn start(database: &Pool) -> Self {
        let url = sqlx::ConnectOptions::to_url_lossy(database.session_options().server());
        let pool = infra::database::connect(url.as_str(), 1).await.unwrap();
        let log = MemoryLog::new(1);
        let rankings = Arc::new(Rankings::default());
        let store = PostgresStore::new(database.session_options());
        Self {
            projector: Projector::new(log.clone(), store, None, watch::Sender::new(0)),
            follower: BoardsFollower::new(pool.clone(), Arc::clone(&rankings)),
            queries: Queries::new(pool.clone(), rankings, ErasureEpoch::default()),
            read_models: PostgresReadModels::new(pool.clone()),
            log,
            pool,
        }
    }

    /// Folds events about persons and videos from `n` on, which no cache has, and runs every query.
    async fn use_all_statements(&mut self, n: u128) {
        let voter = person(n + 1);
        let vote = |of| (of, VideoEvent::VoteCast(VoteCast { voter }));
        let videos =
            [(n, uploaded(n)), (n, processed(n)), vote(n), vote(n), (n + 2, uploaded(n + 2))];
        let of_video = |(n, event)| Event::Video(video(n), event);
        self.fold(n, vec![registered(n), registered(n + 1)]).await;
        self.fold(n + 100, videos.map(of_video).into()).await;
        self.follower.catch_up().await.unwrap();
        // A vote alone, and an erasure of an account that is no longer in the batch.
        self.fold(n + 200, vec![of_video(vote(n)), erased(n + 1)]).await;
        self.follower.catch_up().await.unwrap();
        self.read(n).await;
    }

    async fn fold(&mut self, first: u128, events: Vec<Event>) {
        let record = |(n, event)| {
            Envelope::new(domain::EventId(Uuid::from_u128(n + 1)), event).into_record().unwrap()
        };
        let records = (first..).zip(events).map(record).collect();
        for appended in self.log.append(records).await {
            appended.unwrap();
        }
        self.projector.catch_up().await.unwrap();
    }

    async fn read(&self, n: u128) {
        let (queries, read_models) = (&self.queries, &self.read_models);
        let all = queries.ranking(&Board::default(), 0, 100).await.unwrap();
        assert!(all.artists.iter().any(|artist| artist.ranked.standing.artist == artist_of(n)));
        queries.ranked_by_name(&Board::default(), "A", 10).await.unwrap();
        queries.vote_history(&[artist_of(n)]).await.unwrap().unwrap();
        queries.installation().await.unwrap();
        queries.is_operator(person(n)).await.unwrap();
        queries.person_exists(person(n)).await.unwrap();
        queries.videos_of(artist_of(n)).await.unwrap();
        queries.public_video(video(n)).await.unwrap().unwrap();
        queries.public_videos(&Default::default()).await.unwrap();
        assert!(queries.has_voted(person(n + 1), video(n)).await.unwrap());
        operators(&self.pool).await.unwrap();
        read_models.video(video(n)).await.unwrap().unwrap();
        read_models.videos_of(artist_of(n)).await.unwrap();
        read_models.account(person(n)).await.unwrap().unwrap();
        read_models.account_by_email(&email(n)).await.unwrap().unwrap();
        read_models.abandoned_videos(10).await.unwrap();
        read_models.orphaned_keys(&[], &[0]).await.unwrap();
        read_models.unregistered(&[], &[0]).await.unwrap();
        read_models.checkpoints().await.unwrap();
    }
}

fn artist_of(n: u128) -> domain::AccountId {
    person(n % 8)
}

/// Every table that the projector or a query reads gets another column.
const MIGRATION: &str = "
    alter table accounts add column added integer not null default 0;
    alter table checkpoints add column added integer not null default 0;
    alter table dead_letters add column added integer not null default 0;
    alter table generations add column added integer not null default 0;
    alter table operator_terms add column added integer not null default 0;
    alter table personal_data add column added integer not null default 0;
    alter table ranking add column added integer not null default 0;
    alter table ranking_changes add column added integer not null default 0;
    alter table ranking_head add column added integer not null default 0;
    alter table rejections add column added integer not null default 0;
    alter table transcode_jobs add column added integer not null default 0;
    alter table transcode_leases add column added integer not null default 0;
    alter table videos add column added integer not null default 0;
    alter table votes add column added integer not null default 0;";

#[tokio::test]
async fn statements_prepared_before_a_migration_work_after_it() {
    let database = test_services::database().await;
    let mut process = Process::start(&database).await;
    process.use_all_statements(0).await;
    let with_star = async || sqlx::query("select * from videos").execute(&process.pool).await;
    with_star().await.unwrap();

    sqlx::raw_sql(MIGRATION).execute(&database).await.unwrap();
    let broken = with_star().await.unwrap_err().to_string();
    assert!(broken.contains("cached plan must not change result type"), "{broken}");
    process.use_all_statements(40).await;
}

/// An update writes every field of a video, so an event may change any of them.
#[tokio::test]
async fn an_update_of_a_video_writes_every_field() {
    use domain::video::{Failure, Published};
    use domain::{Changes, Contest, EventId, Video, VideoState};
    use projections::store::{Advance, Batch, Store};

    let database = test_services::database().await;
    let mut store = PostgresStore::new(database.session_options());
    store.claim(&[0]).await.unwrap();
    let log = infra::event_log::LogIdentity::new("a log");
    let at = |seconds: i64| chrono::DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap();
    let event = |n| EventId(Uuid::from_u128(n));
    // Without `..`: a new field must be added here.
    let before = Video {
        owner: person(1),
        title: "before".to_owned(),
        description: None,
        original_key: "originals/before".to_owned(),
        content_type: "video/mp4".to_owned(),
        bytes: 1,
        sha256: "00".repeat(32),
        uploaded_at: at(1),
        uploaded_by: event(1),
        attempts: 0,
        state: VideoState::Pending,
        votes: 0,
        last_vote_at: None,
    };
    let published = Published {
        processed_key: "processed/after".to_owned(),
        poster_key: "posters/after".to_owned(),
        hls_key: Some("hls/after".to_owned()),
        duration_ms: 2,
        width: 3,
        height: 4,
        bytes: 5,
        at: at(6),
        by: event(6),
    };
    let after = Video {
        owner: person(2),
        title: "after".to_owned(),
        description: Some("after".to_owned()),
        original_key: "originals/after".to_owned(),
        content_type: "video/webm".to_owned(),
        bytes: 2,
        sha256: "11".repeat(32),
        uploaded_at: at(2),
        uploaded_by: event(2),
        attempts: 3,
        state: VideoState::Processed(published.clone()),
        votes: 7,
        last_vote_at: Some(at(7)),
    };
    let failure =
        Failure { reason: domain::event::FailureReason::Undecodable, at: at(8), by: event(8) };
    let failed = Video { state: VideoState::Failed(failure), ..after.clone() };
    let deleted = Video {
        state: VideoState::Deleted {
            at: at(9),
            by: event(9),
            end: Some(domain::video::ProcessingEnd::Processed(published)),
        },
        ..after.clone()
    };
    let keys = WorkingSetKeys { videos: [video(1)].into(), ..WorkingSetKeys::default() };
    for (offset, written) in [before, after, failed, deleted].into_iter().enumerate() {
        let contest =
            Contest { videos: [(video(1), written.clone())].into(), ..Contest::default() };
        let changes = Changes {
            videos: [video(1)].into(),
            status_changed: [video(1)].into(),
            ..Changes::default()
        };
        let (from, to) = (offset as u64, offset as u64 + 1);
        let advances = [Advance { partition: 0, from, to, last: Uuid::nil() }];
        let batch = Batch {
            log: &log,
            advances: &advances,
            contest: &contest,
            changes: &changes,
            dead_letters: &[],
        };
        store.commit(&batch).await.unwrap();
        // Another store has no cache.
        let mut reader = PostgresStore::new(database.session_options());
        let loaded = reader.load(&keys).await.unwrap();
        assert_eq!(loaded.videos.get(&video(1)), Some(&written));
    }
}
