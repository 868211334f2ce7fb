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
use ports::verdicts::{AwaitedEvent, EffectRow, FoldedEvent, VerdictLookup};
use uuid::Uuid;

use crate::checkpoint_rows;
use crate::leftovers;
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
    ) -> Result<HashMap<EventId, FoldedEvent>, LookupError> {
        let ids: Vec<Uuid> = events.iter().map(|(_, awaited)| awaited.event_id.0).collect();
        let (partitions, offsets): (Vec<i32>, Vec<i64>) =
            events.iter().map(|(at, _)| (to_int(at.partition), to_bigint(at.offset))).unzip();
        let rows = events.iter().map(|(_, awaited)| RowKeys::of(awaited.effect));
        let RowKeyColumns { accounts, videos, voters } = rows.collect();
        // One statement, one snapshot: otherwise a rebuild could empty the rows between the check that
        // an event is folded and the search for its row.
        let rows = sqlx::query!(
            r#"select e.event_id as "event_id!", r.reason as "reason?", r.votes as rejected_votes,
                      case when e.voter is not null then v.votes end as total_votes,
                      case when e.voter is not null then b.event_id is not null
                           when e.video_id is not null then
                               e.event_id in (v.uploaded_by, v.ended_by, v.deleted_by)
                           else e.event_id in (a.registered_by, a.erased_by) or exists (
                               select from operator_terms o where o.account_id = e.account_id
                               and e.event_id in (o.granted_by, o.ended_by))
                      end as took_effect
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::bigint[])
                 as e (event_id, account_id, video_id, voter, partition, place)
             join checkpoints c on c.partition = e.partition and c.next_offset > e.place
             left join rejections r on r.event_id = e.event_id
             left join accounts a on a.account_id = e.account_id
             left join videos v on v.video_id = e.video_id
             left join votes b on b.video_id = e.video_id and b.voter = e.voter
                 and b.event_id = e.event_id"#,
            &ids,
            &accounts as &[Option<Uuid>],
            &videos as &[Option<Uuid>],
            &voters as &[Option<Uuid>],
            &partitions,
            &offsets,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(LookupError::new)?;
        let count = |votes: Option<i64>| votes.map(from_bigint).transpose();
        rows.into_iter()
            .map(|row| {
                let rejected_votes = count(row.rejected_votes).map_err(LookupError::new)?;
                let total_votes = count(row.total_votes).map_err(LookupError::new)?;
                // SQL compares with absent rows and ids as null.
                let took_effect = row.took_effect.unwrap_or(false);
                let folded = match row.reason {
                    Some(reason) => {
                        FoldedEvent::Decided(Verdict::Rejected(rejection(&reason, rejected_votes)?))
                    }
                    None if took_effect => FoldedEvent::Decided(Verdict::Accepted { total_votes }),
                    None => FoldedEvent::Missing,
                };
                Ok((EventId(row.event_id), folded))
            })
            .collect()
    }

    async fn checkpoints(&self) -> Result<Vec<Position>, LookupError> {
        checkpoint_rows::positions(&self.pool).await.map_err(LookupError::new)
    }
}

fn rejection(reason: &str, votes: Option<u64>) -> Result<Rejection, LookupError> {
    Rejection::from_code(reason, votes)
        .ok_or_else(|| LookupError::new(format!("unknown rejection `{reason}`")))
}

/// The key of an effect row, one column for each kind of id.
struct RowKeys {
    account: Option<AccountId>,
    video: Option<VideoId>,
    voter: Option<AccountId>,
}

impl RowKeys {
    fn of(effect: EffectRow) -> Self {
        let none = Self { account: None, video: None, voter: None };
        match effect {
            EffectRow::Account(account) => Self { account: Some(account), ..none },
            EffectRow::Video(video) => Self { video: Some(video), ..none },
            EffectRow::Vote(video, voter) => {
                Self { video: Some(video), voter: Some(voter), ..none }
            }
        }
    }
}

#[derive(Default)]
struct RowKeyColumns {
    accounts: Vec<Option<Uuid>>,
    videos: Vec<Option<Uuid>>,
    voters: Vec<Option<Uuid>>,
}

impl FromIterator<RowKeys> for RowKeyColumns {
    fn from_iter<I: IntoIterator<Item = RowKeys>>(rows: I) -> Self {
        let mut columns = Self::default();
        for RowKeys { account, video, voter } in rows {
            columns.accounts.push(account.map(|id| id.0));
            columns.videos.push(video.map(|id| id.0));
            columns.voters.push(voter.map(|id| id.0));
        }
        columns
    }
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
        leftovers::orphaned_keys(&self.pool, keys, ends).await
    }

    async fn unregistered(
        &self,
        registrations: &[(AccountId, EventId)],
        ends: &[u64],
    ) -> Result<Vec<AccountId>, LookupError> {
        leftovers::unregistered(&self.pool, registrations, ends).await
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
