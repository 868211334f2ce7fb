//! The answers that commands and the transcoder get from the read models.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{AccountId, EmailKey, EventId, Position, Rejection, Verdict, VideoId, VideoStatus};
use ports::LookupError;
use ports::read_models::{AbandonedVideo, AccountFacts, ReadModels, UploadFacts, VideoFacts};
use ports::verdicts::{AwaitedEvent, VerdictLookup};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::query_batcher::{NO_ANSWER, QueryBatcher};
use infra::database::{from_bigint, to_bigint, to_int};

/// The read models in Postgres, for those who only ask.
#[derive(Clone)]
pub struct PostgresReadModels {
    pool: PgPool,
    videos: Arc<QueryBatcher<VideoId, VideoFacts, LookupError>>,
}

impl PostgresReadModels {
    /// Asks through `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, videos: Arc::new(QueryBatcher::new("videos", LookupError::new(NO_ANSWER))) }
    }
}

fn unavailable(error: sqlx::Error) -> LookupError {
    LookupError::new(error)
}

#[async_trait]
impl VerdictLookup for PostgresReadModels {
    async fn verdicts(
        &self,
        events: &[(Position, AwaitedEvent)],
    ) -> Result<HashMap<EventId, Verdict>, LookupError> {
        let (ids, counted): (Vec<Uuid>, Vec<Option<Uuid>>) = events
            .iter()
            .map(|(_, awaited)| (awaited.event_id.0, awaited.voted_video.map(|video| video.0)))
            .unzip();
        let (partitions, offsets): (Vec<i32>, Vec<i64>) =
            events.iter().map(|(at, _)| (to_int(at.partition), to_bigint(at.offset))).unzip();
        // One statement, one snapshot: a rebuild cannot empty the rows between the question whether
        // an event is folded and the question whether it was rejected.
        let rows = sqlx::query(
            "select e.event_id, r.reason, r.votes as rejected_votes, v.votes as total_votes
             from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[])
                 as e (event_id, video_id, partition, place)
             join checkpoints c on c.partition = e.partition and c.next_offset > e.place
             left join rejections r on r.event_id = e.event_id
             left join videos v on v.video_id = e.video_id",
        )
        .bind(ids)
        .bind(counted)
        .bind(partitions)
        .bind(offsets)
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)?;
        rows.iter().map(verdict).collect()
    }

    async fn checkpoints(&self) -> Result<Vec<Position>, LookupError> {
        let rows: Vec<(i32, i64)> =
            sqlx::query_as("select partition, next_offset from checkpoints order by partition")
                .fetch_all(&self.pool)
                .await
                .map_err(unavailable)?;
        rows.into_iter()
            .map(|(partition, offset)| {
                let partition = u32::try_from(partition)
                    .map_err(|_| LookupError::new("a negative partition"))?;
                Ok(Position { partition, offset: from_bigint(offset).map_err(unavailable)? })
            })
            .collect()
    }
}

fn verdict(row: &PgRow) -> Result<(EventId, Verdict), LookupError> {
    let event_id = EventId(row.try_get("event_id").map_err(unavailable)?);
    let reason: Option<&str> = row.try_get("reason").map_err(unavailable)?;
    let total: Option<i64> = row.try_get("total_votes").map_err(unavailable)?;
    let Some(reason) = reason else {
        let total_votes = total.map(from_bigint).transpose().map_err(unavailable)?;
        return Ok((event_id, Verdict::Accepted { total_votes }));
    };
    let votes: Option<i64> = row.try_get("rejected_votes").map_err(unavailable)?;
    let rejection =
        Rejection::from_code(reason, votes.map(from_bigint).transpose().map_err(unavailable)?)
            .ok_or_else(|| LookupError::new(format!("unknown rejection `{reason}`")))?;
    Ok((event_id, Verdict::Rejected(rejection)))
}

macro_rules! account {
    ($which:literal) => {
        concat!(
            "select account_id, city, country, registered_by, erased_by from accounts where ",
            $which
        )
    };
}

macro_rules! video {
    ($which:literal) => {
        concat!(
            "select video_id, owner, title, description, content_type, sha256, status, votes,
                    uploaded_by, uploaded_at, coalesce(deleted_by, ended_by) as ended_by,
                    original_key, processed_key, poster_key
             from videos where ",
            $which
        )
    };
}

#[async_trait]
impl ReadModels for PostgresReadModels {
    async fn account_by_email(
        &self,
        email: &EmailKey,
    ) -> Result<Option<AccountFacts>, LookupError> {
        let row = sqlx::query(account!("email_key = $1 and erased_by is null"))
            .bind(email.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(account_facts).transpose()
    }

    async fn account(&self, account: AccountId) -> Result<Option<AccountFacts>, LookupError> {
        let row = sqlx::query(account!("account_id = $1"))
            .bind(account.0)
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(account_facts).transpose()
    }

    async fn video(&self, video: VideoId) -> Result<Option<VideoFacts>, LookupError> {
        self.videos.load(video, |videos| self.videos_among(videos)).await
    }

    async fn videos_of(&self, owner: AccountId) -> Result<Vec<(VideoId, VideoFacts)>, LookupError> {
        let rows = sqlx::query(video!("owner = $1"))
            .bind(owner.0)
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(video_facts).collect()
    }

    async fn abandoned_videos(&self, most: u32) -> Result<Vec<AbandonedVideo>, LookupError> {
        let rows: Vec<(Uuid, Uuid, Uuid)> = sqlx::query_as(
            "select v.video_id, v.owner, a.erased_by
             from accounts a join videos v on v.owner = a.account_id
             where a.erased_by is not null and v.status in ('pending', 'processing', 'failed')
             limit $1",
        )
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)?;
        let abandoned = |(video, owner, owner_erased_by)| AbandonedVideo {
            video: VideoId(video),
            owner: AccountId(owner),
            owner_erased_by: EventId(owner_erased_by),
        };
        Ok(rows.into_iter().map(abandoned).collect())
    }

    async fn orphaned_keys(
        &self,
        keys: &[String],
        ends: &[u64],
    ) -> Result<Vec<String>, LookupError> {
        let ends: Vec<i64> = ends.iter().copied().map(to_bigint).collect();
        // One statement, one snapshot: a rebuild that begins meanwhile cannot come between the
        // question whether the projection is complete and the answer.
        sqlx::query_scalar(
            "select key from unnest($1::text[]) as key
             where not exists (
                 select from videos v where v.status <> 'deleted'
                 and (key in (v.original_key, v.processed_key, v.poster_key)
                      or v.hls_key is not null and starts_with(key, 'hls/' || v.video_id || '/'))
                 and not (key = v.original_key and exists (
                     select from accounts a
                     where a.account_id = v.owner and a.erased_by is not null
                 ))
             ) and not exists (
                 -- Results are named after their video, and about to be spoken of.
                 select from videos v where v.status in ('pending', 'processing')
                 and v.video_id = substring(
                     key from '/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[./]'
                 )::uuid
             ) and not exists (
                 select from unnest($2::bigint[]) with ordinality as log (next, number)
                 left join checkpoints c on c.partition = log.number - 1
                 where coalesce(c.next_offset, 0) < log.next
             )",
        )
        .bind(keys)
        .bind(ends)
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)
    }
}

impl PostgresReadModels {
    async fn videos_among(
        &self,
        videos: Vec<VideoId>,
    ) -> Result<HashMap<VideoId, VideoFacts>, LookupError> {
        let ids: Vec<Uuid> = videos.into_iter().map(|video| video.0).collect();
        let rows = sqlx::query(video!("video_id = any($1)")).bind(ids).fetch_all(&self.pool);
        rows.await.map_err(unavailable)?.iter().map(video_facts).collect()
    }
}

fn account_facts(row: &PgRow) -> Result<AccountFacts, LookupError> {
    let read = || -> Result<AccountFacts, sqlx::Error> {
        Ok(AccountFacts {
            id: AccountId(row.try_get("account_id")?),
            city: row.try_get("city")?,
            country: row.try_get("country")?,
            registered_by: EventId(row.try_get("registered_by")?),
            erased_by: row.try_get::<Option<Uuid>, _>("erased_by")?.map(EventId),
        })
    };
    read().map_err(unavailable)
}

fn video_facts(row: &PgRow) -> Result<(VideoId, VideoFacts), LookupError> {
    let read = || -> Result<(VideoId, VideoFacts), sqlx::Error> {
        let status: &str = row.try_get("status")?;
        let status = VideoStatus::from_code(status)
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown status `{status}`").into()))?;
        let votes: i64 = row.try_get("votes")?;
        let facts = VideoFacts {
            owner: AccountId(row.try_get("owner")?),
            upload: UploadFacts {
                title: row.try_get("title")?,
                description: row.try_get("description")?,
                original_key: row.try_get("original_key")?,
                content_type: row.try_get("content_type")?,
                sha256: row.try_get("sha256")?,
                uploaded_by: EventId(row.try_get("uploaded_by")?),
                uploaded_at: row.try_get("uploaded_at")?,
            },
            status,
            votes: u64::try_from(votes).unwrap_or(0),
            ended_by: row.try_get::<Option<Uuid>, _>("ended_by")?.map(EventId),
            processed_key: row.try_get("processed_key")?,
            poster_key: row.try_get("poster_key")?,
        };
        Ok((VideoId(row.try_get("video_id")?), facts))
    };
    read().map_err(unavailable)
}
