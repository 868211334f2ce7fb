//! What is true in the end: read from the log, the read models, the object store and the APIs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commands::Sweeper;
use futures_util::TryStreamExt;
use infra::event_log::kafka::{KafkaLog, KafkaSettings};
use infra::event_log::{EventLog, Record};
use infra::object_storage::ObjectStorage;
use infra::object_storage::s3::{S3Credentials, S3Settings, S3Storage};
use projections::lookup::PostgresLookup;
use simulation::recount::Recount;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use super::stack::{PARTITIONS, Stack};

/// Votes of each artist.
pub(crate) type Board = BTreeMap<Uuid, u64>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Accounts, as folded and as recounted from the log by other code.
    pub(crate) accounts: BTreeSet<Uuid>,
    pub(crate) counted_accounts: BTreeSet<Uuid>,
    /// Accounts whose name and password exist.
    pub(crate) people: BTreeSet<Uuid>,
    pub(crate) videos: BTreeMap<Uuid, Video>,
    pub(crate) counted_videos: BTreeMap<Uuid, CountedVideo>,
    /// Rows of `votes`: video and voter.
    pub(crate) votes: BTreeSet<(Uuid, Uuid)>,
    /// Objects and their sizes, after what nobody needs was swept away.
    pub(crate) objects: BTreeMap<String, u64>,
    /// The ranking that each API shows, and the recounted one.
    pub(crate) boards: Vec<Board>,
    pub(crate) counted_board: Board,
    /// The read models before and after they were made anew.
    pub(crate) checksums: [Vec<String>; 2],
    pub(crate) dead_letters: u64,
    /// What processes said, or did, that they never should.
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
    /// The objects that it names, with their sizes as far as they are known.
    pub(crate) objects: Vec<(String, Option<u64>)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct CountedVideo {
    pub(crate) status: String,
    pub(crate) voters: BTreeSet<Uuid>,
    /// The ends that took effect, in their order: `processed`, `failed`, `deleted`.
    pub(crate) ends: Vec<&'static str>,
}

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) log: Arc<KafkaLog>,
    store: Arc<S3Storage>,
}

impl World {
    pub(crate) async fn open(stack: &Stack) -> Self {
        let services = &stack.services;
        let log = KafkaLog::open(KafkaSettings {
            brokers: services.kafka.brokers.clone(),
            topic: services.kafka.topic.clone(),
            partitions: PARTITIONS,
        });
        let store = S3Storage::open(S3Settings {
            bucket: services.s3.bucket.clone(),
            region: Some(services.s3.region.clone()),
            endpoint_url: Some(services.s3.endpoint.clone()),
            spool: stack.spool(),
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

    /// Votes of each artist, as the recount says.
    pub(crate) async fn counted_board(&self) -> Board {
        board(&Recount::of(&self.records().await))
    }

    /// Everything, once nothing moves any more.
    pub(crate) async fn facts(&self) -> Facts {
        let records = self.records().await;
        let recount = Recount::of(&records);
        let swept = self.sweep().await;
        let id = |text: &str| text.parse::<Uuid>().unwrap();
        Facts {
            accounts: self.ids("select account_id from accounts").await,
            counted_accounts: recount.accounts.values().map(|text| id(text)).collect(),
            people: self.ids("select account_id from personal_data").await,
            videos: self.videos().await,
            counted_videos: counted(&recount, &records),
            votes: sqlx::query_as("select video_id, voter from votes")
                .fetch_all(&self.pool)
                .await
                .unwrap()
                .into_iter()
                .collect(),
            objects: self.objects().await,
            counted_board: board(&recount),
            dead_letters: recount.broken,
            swept,
            ..Facts::default()
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

    /// Removes what nobody needs, without the grace that requests under way usually have.
    async fn sweep(&self) -> u64 {
        let sweeper = Sweeper {
            log: Arc::clone(&self.log) as _,
            read_models: Arc::new(PostgresLookup::new(self.pool.clone())),
            storage: Arc::clone(&self.store) as _,
            pool: self.pool.clone(),
            grace: std::time::Duration::ZERO,
        };
        sweeper.sweep().await.unwrap().objects
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

/// Every video as recounted.
fn counted(recount: &Recount, records: &[Vec<Record>]) -> BTreeMap<Uuid, CountedVideo> {
    let mut ends = ends(recount, records);
    let counted = recount.videos.iter().map(|(key, video)| {
        let voters = video.votes.keys().map(|voter| voter.parse().unwrap()).collect();
        let ends = ends.remove(key).unwrap_or_default();
        (of_stream(key), CountedVideo { status: video.status.to_owned(), voters, ends })
    });
    counted.collect()
}

/// The ends that took effect, by stream. An event that was delivered twice is one.
fn ends(recount: &Recount, records: &[Vec<Record>]) -> BTreeMap<String, Vec<&'static str>> {
    let mut seen = BTreeSet::new();
    let mut ends: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for record in records.iter().flatten() {
        let id = header(record, "ce_id");
        let took_effect = recount.fates.get(&id).is_some_and(|fate| fate.code == "ok");
        let Some(end) = end(record).filter(|_| took_effect && seen.insert(id)) else { continue };
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
        ends.entry(key.into_owned()).or_default().push(end);
    }
    ends
}

fn end(record: &Record) -> Option<&'static str> {
    let value = || -> serde_json::Value {
        serde_json::from_slice(record.value.as_deref().unwrap_or_default()).unwrap_or_default()
    };
    match header(record, "ce_type").as_str() {
        "anb.video.processed" => Some("processed"),
        "anb.video.processing_failed" if value()["final"] == true => Some("failed"),
        "anb.video.deleted" => Some("deleted"),
        _ => None,
    }
}

fn header(record: &Record, name: &str) -> String {
    let found = record.headers.iter().find(|(header, _)| header == name);
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}
