//! The final state of the system: from the log, the read models, the object store and the APIs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commands::Sweeper;
use futures_util::TryStreamExt;
use infra::database::Pool;
use infra::event_log::kafka::{KafkaLog, KafkaSettings};
use infra::event_log::{EventLog, Record};
use infra::object_storage::ObjectStorage;
use infra::object_storage::s3::{S3Credentials, S3Settings, S3Storage};
use projections::read_models::PostgresReadModels;
use simulation::recount::Recount;
use sqlx::Row;
use uuid::Uuid;

use super::system::{PARTITIONS, SystemUnderTest};

/// Votes of each artist.
pub(crate) type Board = BTreeMap<Uuid, u64>;

#[derive(Clone, Debug, Default)]
pub(crate) struct FinalState {
    /// Accounts as folded, and as recounted from the log.
    pub(crate) accounts: BTreeSet<Uuid>,
    pub(crate) expected_accounts: BTreeSet<Uuid>,
    /// Accounts that have their personal data.
    pub(crate) personal_data: BTreeSet<Uuid>,
    pub(crate) videos: BTreeMap<Uuid, Video>,
    pub(crate) expected_videos: BTreeMap<Uuid, ExpectedVideo>,
    /// Rows of `votes`: video and voter.
    pub(crate) votes: BTreeSet<(Uuid, Uuid)>,
    /// Objects and their sizes in bytes, after a sweep.
    pub(crate) objects: BTreeMap<String, u64>,
    /// The ranking of each API, and the recounted one.
    pub(crate) boards: Vec<Board>,
    pub(crate) expected_board: Board,
    /// Checksums of the read models before and after a rebuild.
    pub(crate) checksums: [Vec<String>; 2],
    pub(crate) dead_letters: u64,
    /// Log lines and exits of processes that must never occur.
    pub(crate) alarms: Vec<String>,
    /// Objects that the sweep removed.
    pub(crate) swept: u64,
}

/// A row of `videos`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Video {
    pub(crate) owner: Uuid,
    pub(crate) title: String,
    pub(crate) status: String,
    pub(crate) failure: Option<String>,
    pub(crate) votes: u64,
    /// The objects that the row names, with their sizes in bytes where known.
    pub(crate) objects: Vec<(String, Option<u64>)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ExpectedVideo {
    pub(crate) status: String,
    pub(crate) voters: BTreeSet<Uuid>,
    /// Its final statuses, in their order: `processed`, `failed`, `deleted`.
    pub(crate) ends: Vec<&'static str>,
}

pub(crate) struct StateReader {
    pub(crate) pool: Pool,
    pub(crate) log: Arc<KafkaLog>,
    store: Arc<S3Storage>,
}

impl StateReader {
    pub(crate) async fn open(system: &SystemUnderTest) -> Self {
        let services = &system.services;
        let log = KafkaLog::open(KafkaSettings::plaintext(
            &services.kafka.brokers,
            &services.kafka.topic,
            PARTITIONS,
        ));
        let store = S3Storage::open(S3Settings {
            bucket: services.s3.bucket.clone(),
            region: Some(services.s3.region.clone()),
            endpoint_url: Some(services.s3.endpoint.clone()),
            spool: system.spool(),
            credentials: S3Credentials::Static {
                id: services.s3.access_key.clone(),
                secret: services.s3.secret_key.clone(),
            },
        });
        Self {
            pool: infra::database::connect(&services.database_url, 4).await.unwrap(),
            log: Arc::new(log.await.unwrap()),
            store: Arc::new(store.await.unwrap()),
        }
    }

    /// The ranking as recounted.
    pub(crate) async fn expected_board(&self) -> Board {
        board(&Recount::of(&self.records().await))
    }

    /// Reads everything but the rankings, the checksums and the alarms.
    pub(crate) async fn final_state(&self) -> FinalState {
        let recount = Recount::of(&self.records().await);
        let swept = self.sweep().await;
        let id = |text: &str| text.parse::<Uuid>().unwrap();
        FinalState {
            accounts: self.ids("select account_id from accounts").await,
            expected_accounts: recount.accounts.values().map(|text| id(text)).collect(),
            personal_data: self.ids("select account_id from personal_data").await,
            videos: self.videos().await,
            expected_videos: expected_videos(&recount),
            votes: sqlx::query_as("select video_id, voter from votes")
                .fetch_all(&self.pool)
                .await
                .unwrap()
                .into_iter()
                .collect(),
            objects: self.objects().await,
            expected_board: board(&recount),
            dead_letters: recount.unreadable,
            swept,
            ..FinalState::default()
        }
    }

    /// The whole log, partition by partition.
    async fn records(&self) -> Vec<Vec<Record>> {
        let mut partitions = Vec::new();
        for (partition, end) in (0..).zip(self.log.end_offsets().await.unwrap()) {
            let mut records: Vec<Record> = Vec::new();
            let from = [domain::Position { partition, offset: 0 }];
            let mut reader = self.log.read(&from).await.unwrap();
            while records.last().map_or(0, |last| last.position.offset + 1) < end {
                records.extend(reader.next(10_000).await.unwrap());
            }
            partitions.push(records);
        }
        partitions
    }

    async fn ids(&self, sql: &'static str) -> BTreeSet<Uuid> {
        let ids = sqlx::query_scalar(sql).fetch_all(&self.pool).await.unwrap();
        ids.into_iter().collect()
    }

    async fn videos(&self) -> BTreeMap<Uuid, Video> {
        let rows = sqlx::query("select * from videos").fetch_all(&self.pool).await.unwrap();
        let video = |row: &sqlx::postgres::PgRow| {
            let size = |column: &str| {
                row.get::<Option<i64>, _>(column).map(|bytes| u64::try_from(bytes).unwrap())
            };
            let mut objects = vec![(row.get("original_key"), size("bytes"))];
            let results = [
                ("processed_key", size("processed_bytes")),
                ("poster_key", None),
                ("hls_key", None),
            ];
            for (column, size) in results {
                objects.extend(row.get::<Option<String>, _>(column).map(|key| (key, size)));
            }
            let video = Video {
                owner: row.get("owner"),
                title: row.get("title"),
                status: row.get("status"),
                failure: row.get("failure_reason"),
                votes: u64::try_from(row.get::<i64, _>("votes")).unwrap(),
                objects,
            };
            (row.get("video_id"), video)
        };
        rows.iter().map(video).collect()
    }

    /// Sweeps without the grace period, because no request is under way.
    async fn sweep(&self) -> u64 {
        let lookup = Arc::new(PostgresReadModels::new(self.pool.clone()));
        let sweeper = Sweeper {
            gate: Arc::default(),
            log: Arc::clone(&self.log) as _,
            read_models: Arc::clone(&lookup) as _,
            verdicts: lookup,
            storage: Arc::clone(&self.store) as _,
            pool: self.pool.clone(),
            grace: std::time::Duration::ZERO,
        };
        let swept = sweeper.sweep().await;
        assert_eq!(swept.failed, 0, "{swept:?}");
        swept.objects
    }

    async fn objects(&self) -> BTreeMap<String, u64> {
        let mut objects = BTreeMap::new();
        for prefix in ["originals/", "processed/", "posters/", "hls/"] {
            let listing: Vec<_> =
                self.store.list(prefix).await.unwrap().try_collect().await.unwrap();
            objects
                .extend(listing.into_iter().map(|object| (object.key.to_string(), object.bytes)));
        }
        objects
    }
}

fn board(recount: &Recount) -> Board {
    let ranking = recount.ranking();
    ranking.iter().map(|(artist, (votes, _))| (artist.parse().unwrap(), *votes)).collect()
}

fn of_stream(key: &str) -> Uuid {
    key.strip_prefix("video-").unwrap().parse().unwrap()
}

/// The expected videos.
fn expected_videos(recount: &Recount) -> BTreeMap<Uuid, ExpectedVideo> {
    let expected = recount.videos.iter().map(|(key, video)| {
        let voters = video.votes.keys().map(|voter| voter.parse().unwrap()).collect();
        let (status, ends) = (video.status.to_owned(), video.ends.clone());
        (of_stream(key), ExpectedVideo { status, voters, ends })
    });
    expected.collect()
}
