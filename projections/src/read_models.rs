//! The ports of the read side, on Postgres: verdicts and facts for commands and the transcoder.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    AccountId, EmailKey, EventId, Position, Rejection, Timestamp, Verdict, VideoId, VideoStatus,
};
use infra::database::{Pool, from_bigint, to_bigint, to_int};
use ports::LookupError;
use ports::read_models::{AbandonedVideo, AccountFacts, ReadModels, UploadFacts, VideoFacts};
use ports::verdicts::{AwaitedEvent, VerdictLookup};
use uuid::Uuid;

use crate::checkpoint_rows;
use crate::query_batcher::{NO_ANSWER, QueryBatcher};

/// The read models in Postgres, for readers.
#[derive(Clone)]
pub struct PostgresReadModels {
    pool: Pool,
    videos: Arc<QueryBatcher<VideoId, VideoFacts, LookupError>>,
}

impl PostgresReadModels {
    /// Reads through `pool`.
    pub fn new(pool: Pool) -> Self {
        Self { pool, videos: Arc::new(QueryBatcher::new("videos", LookupError::new(NO_ANSWER))) }
    }
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
        // One statement, one snapshot: otherwise a rebuild could empty the rows between the check that
        // an event is folded and the check that it was rejected.
        let rows = sqlx::query!(
            r#"select e.event_id as "event_id!", r.reason as "reason?", r.votes as rejected_votes,
                      v.votes as "total_votes?"
             from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[])
                 as e (event_id, video_id, partition, place)
             join checkpoints c on c.partition = e.partition and c.next_offset > e.place
             left join rejections r on r.event_id = e.event_id
             left join videos v on v.video_id = e.video_id"#,
            &ids,
            &counted as &[Option<Uuid>],
            &partitions,
            &offsets,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(LookupError::new)?;
        rows.into_iter()
            .map(|row| {
                let verdict =
                    verdict_of(row.reason.as_deref(), row.rejected_votes, row.total_votes)?;
                Ok((EventId(row.event_id), verdict))
            })
            .collect()
    }

    async fn checkpoints(&self) -> Result<Vec<Position>, LookupError> {
        checkpoint_rows::all(&self.pool).await.map_err(LookupError::new)
    }
}

fn verdict_of(
    reason: Option<&str>,
    rejected_votes: Option<i64>,
    total_votes: Option<i64>,
) -> Result<Verdict, LookupError> {
    let count = |votes: Option<i64>| votes.map(from_bigint).transpose().map_err(LookupError::new);
    let Some(reason) = reason else {
        return Ok(Verdict::Accepted { total_votes: count(total_votes)? });
    };
    let rejection = Rejection::from_code(reason, count(rejected_votes)?)
        .ok_or_else(|| LookupError::new(format!("unknown rejection `{reason}`")))?;
    Ok(Verdict::Rejected(rejection))
}

struct AccountRow {
    account_id: Uuid,
    city: String,
    country: String,
    registered_by: Uuid,
    erased_by: Option<Uuid>,
}

/// Selects accounts. The condition must be a literal, so that the statement is checked.
macro_rules! select_accounts {
    ($condition:literal, $argument:expr) => {
        sqlx::query_as!(
            AccountRow,
            "select account_id, city, country, registered_by, erased_by from accounts where "
                + $condition,
            $argument
        )
    };
}

impl From<AccountRow> for AccountFacts {
    fn from(row: AccountRow) -> Self {
        Self {
            id: AccountId(row.account_id),
            city: row.city,
            country: row.country,
            registered_by: EventId(row.registered_by),
            erased_by: row.erased_by.map(EventId),
        }
    }
}

struct VideoRow {
    video_id: Uuid,
    owner: Uuid,
    title: String,
    description: Option<String>,
    original_key: String,
    content_type: String,
    sha256: String,
    status: String,
    votes: i64,
    uploaded_by: Uuid,
    uploaded_at: Timestamp,
    ended_by: Option<Uuid>,
    processed_key: Option<String>,
    poster_key: Option<String>,
}

/// Selects videos. The condition must be a literal, so that the statement is checked.
macro_rules! select_videos {
    ($condition:literal, $argument:expr) => {
        sqlx::query_as!(
            VideoRow,
            "select video_id, owner, title, description, content_type, sha256, status, votes,
                    uploaded_by, uploaded_at, coalesce(deleted_by, ended_by) as ended_by,
                    original_key, processed_key, poster_key
             from videos where "
                + $condition,
            $argument
        )
    };
}

impl VideoRow {
    fn into_facts(self) -> Result<(VideoId, VideoFacts), LookupError> {
        let status = VideoStatus::from_code(&self.status)
            .ok_or_else(|| LookupError::new(format!("unknown status `{}`", self.status)))?;
        let facts = VideoFacts {
            owner: AccountId(self.owner),
            upload: UploadFacts {
                title: self.title,
                description: self.description,
                original_key: self.original_key,
                content_type: self.content_type,
                sha256: self.sha256,
                uploaded_by: EventId(self.uploaded_by),
                uploaded_at: self.uploaded_at,
            },
            status,
            votes: from_bigint(self.votes).map_err(LookupError::new)?,
            ended_by: self.ended_by.map(EventId),
            processed_key: self.processed_key,
            poster_key: self.poster_key,
        };
        Ok((VideoId(self.video_id), facts))
    }
}

#[async_trait]
impl ReadModels for PostgresReadModels {
    async fn account_by_email(
        &self,
        email: &EmailKey,
    ) -> Result<Option<AccountFacts>, LookupError> {
        let query = select_accounts!("email_key = $1 and erased_by is null", email.as_str());
        let row = query.fetch_optional(&self.pool).await.map_err(LookupError::new)?;
        Ok(row.map(AccountFacts::from))
    }

    async fn account(&self, account: AccountId) -> Result<Option<AccountFacts>, LookupError> {
        let query = select_accounts!("account_id = $1", account.0);
        let row = query.fetch_optional(&self.pool).await.map_err(LookupError::new)?;
        Ok(row.map(AccountFacts::from))
    }

    async fn video(&self, video: VideoId) -> Result<Option<VideoFacts>, LookupError> {
        self.videos.load(video, |videos| self.videos_among(videos)).await
    }

    async fn videos_of(&self, owner: AccountId) -> Result<Vec<(VideoId, VideoFacts)>, LookupError> {
        let query = select_videos!("owner = $1", owner.0);
        let rows = query.fetch_all(&self.pool).await.map_err(LookupError::new)?;
        rows.into_iter().map(VideoRow::into_facts).collect()
    }

    async fn abandoned_videos(&self, most: u32) -> Result<Vec<AbandonedVideo>, LookupError> {
        let rows = sqlx::query!(
            r#"select v.video_id, v.owner, a.erased_by as "erased_by!"
             from accounts a join videos v on v.owner = a.account_id
             where a.erased_by is not null and v.status in ('pending', 'processing', 'failed')
             limit $1"#,
            i64::from(most),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(LookupError::new)?;
        let abandoned = rows.into_iter().map(|row| AbandonedVideo {
            video: VideoId(row.video_id),
            owner: AccountId(row.owner),
            owner_erased_by: EventId(row.erased_by),
        });
        Ok(abandoned.collect())
    }

    async fn orphaned_keys(
        &self,
        keys: &[String],
        ends: &[u64],
    ) -> Result<Vec<String>, LookupError> {
        let ends: Vec<i64> = ends.iter().copied().map(to_bigint).collect();
        // One statement, one snapshot: a rebuild cannot start between the check that the projection is
        // complete and the answer.
        sqlx::query_scalar!(
            r#"select key as "key!" from unnest($1::text[]) as key
             where not exists (
                 select from videos v where v.status <> 'deleted'
                 and (key in (v.original_key, v.processed_key, v.poster_key)
                      or v.hls_key is not null and starts_with(key, 'hls/' || v.video_id || '/'))
                 and not (key = v.original_key and exists (
                     select from accounts a
                     where a.account_id = v.owner and a.erased_by is not null
                 ))
             ) and not exists (
                 -- A worker stores results, named after their video, before it appends their event.
                 select from videos v where v.status in ('pending', 'processing')
                 and v.video_id = substring(
                     key from '/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[./]'
                 )::uuid
             ) and not exists (
                 select from unnest($2::bigint[]) with ordinality as log (next, number)
                 left join checkpoints c on c.partition = log.number - 1
                 where coalesce(c.next_offset, 0) < log.next
             )"#,
            keys,
            &ends,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(LookupError::new)
    }
}

impl PostgresReadModels {
    async fn videos_among(
        &self,
        videos: Vec<VideoId>,
    ) -> Result<HashMap<VideoId, VideoFacts>, LookupError> {
        let ids: Vec<Uuid> = videos.into_iter().map(|video| video.0).collect();
        let query = select_videos!("video_id = any($1)", &ids);
        let rows = query.fetch_all(&self.pool).await.map_err(LookupError::new)?;
        rows.into_iter().map(VideoRow::into_facts).collect()
    }
}
