//! Videos, as their owner and as the public see them.

use domain::event::FailureReason;
use domain::{AccountId, Timestamp, VideoId, VideoStatus};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::display_name::display_name;
use super::handle::Queries;
use crate::boards::Board;
use crate::query_error::QueryError;
use infra::database::from_bigint;

/// A video as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnVideo {
    /// The video.
    pub id: VideoId,
    /// Whose it is.
    pub owner: AccountId,
    /// Its title.
    pub title: String,
    /// Its description, if there is one.
    pub description: Option<String>,
    /// How far it has come.
    pub status: VideoStatus,
    /// While it is being processed: how much of it is done, in percent.
    pub progress: Option<u8>,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
    /// When it was published, once it is.
    pub processed_at: Option<Timestamp>,
    /// Why it never will be.
    pub failure: Option<FailureReason>,
    /// Where the original lies.
    pub original_key: String,
    /// Where the finished video lies, once there is one.
    pub processed_key: Option<String>,
    /// Where its still picture lies, once there is one.
    pub poster_key: Option<String>,
    /// Where the list of its adaptive stream lies, if it has one.
    pub hls_key: Option<String>,
    /// Votes counted.
    pub votes: u64,
}

/// A published video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicVideo {
    /// The video.
    pub id: VideoId,
    /// Its title.
    pub title: String,
    /// Its artist's name, or a neutral one.
    pub artist_name: String,
    /// The artist's city, as they spelled it.
    pub city: String,
    /// The artist's country, as they spelled it.
    pub country: String,
    /// Where the finished video lies.
    pub processed_key: String,
    /// Where its still picture lies.
    pub poster_key: Option<String>,
    /// Where the list of its adaptive stream lies, if it has one.
    pub hls_key: Option<String>,
    /// Votes counted.
    pub votes: u64,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
}

/// By what published videos are ordered. Ties go to the newer one, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OrderBy {
    /// When it was uploaded.
    #[default]
    UploadedAt,
    /// Votes counted.
    Votes,
}

/// Which end of the order comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The smallest.
    Ascending,
    /// The largest.
    #[default]
    Descending,
}

/// Which published videos, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PublicVideos {
    /// Of artists of these places only.
    pub of: Board,
    /// The order.
    pub order_by: OrderBy,
    /// Its direction.
    pub direction: Direction,
    /// How many to leave out from the beginning.
    pub skip: u64,
    /// How many at most.
    pub limit: u32,
}

macro_rules! own {
    ($which:literal) => {
        concat!(
            "select video_id, owner, title, description, status, uploaded_at, ended_at,
                    failure_reason, original_key, processed_key, poster_key, hls_key, votes,
                    case when status = 'processing' and lease_until > now() then progress end
                        as progress
             from videos left join transcode_leases using (video_id)
             where status <> 'deleted' and ",
            $which
        )
    };
}

macro_rules! published {
    ($order:literal) => {
        concat!(
            "select v.video_id, v.title, p.first_name, p.last_name, a.city, a.country,
                    v.processed_key, v.poster_key, v.hls_key, v.votes, v.uploaded_at
             from videos v
             join accounts a on a.account_id = v.owner
             left join visible_persons p on p.account_id = v.owner
             where v.status = 'processed'
               and ($3::text is null or a.city_key = $3)
               and ($4::text is null or a.country_key = $4)
             order by ",
            $order,
            " limit $1 offset $2"
        )
    };
}

impl Queries {
    /// All videos of `owner`, the newest first; deleted ones are gone.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn videos_of(&self, owner: AccountId) -> Result<Vec<OwnVideo>, QueryError> {
        let rows = sqlx::query(own!("owner = $1 order by uploaded_at desc, video_id desc"))
            .bind(owner.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(own_video).collect()
    }

    /// One video, whoever owns it; `None` if there never was one, or it is deleted.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn video(&self, video: VideoId) -> Result<Option<OwnVideo>, QueryError> {
        let row =
            sqlx::query(own!("video_id = $1")).bind(video.0).fetch_optional(&self.pool).await?;
        row.as_ref().map(own_video).transpose()
    }

    /// Where the list of a published video's adaptive stream lies; `None` if there is none.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn hls_key(&self, video: VideoId) -> Result<Option<String>, QueryError> {
        let key: Option<Option<String>> = sqlx::query_scalar(
            "select hls_key from videos where video_id = $1 and status = 'processed'",
        )
        .bind(video.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(key.flatten())
    }

    /// A published video; `None` if there is none of this id, or none yet.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn public_video(&self, video: VideoId) -> Result<Option<PublicVideo>, QueryError> {
        let row = sqlx::query(
            "select v.video_id, v.title, p.first_name, p.last_name, a.city, a.country,
                    v.processed_key, v.poster_key, v.hls_key, v.votes, v.uploaded_at
             from videos v
             join accounts a on a.account_id = v.owner
             left join visible_persons p on p.account_id = v.owner
             where v.status = 'processed' and v.video_id = $1",
        )
        .bind(video.0)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(public_video).transpose()
    }

    /// Whether somebody's vote for a video counts.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn has_voted(&self, voter: AccountId, video: VideoId) -> Result<bool, QueryError> {
        let sql = "select exists (select from votes where video_id = $1 and voter = $2)";
        let voted = sqlx::query_scalar(sql).bind(video.0).bind(voter.0);
        Ok(voted.fetch_one(&self.pool).await?)
    }

    /// Published videos.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn public_videos(
        &self,
        wanted: &PublicVideos,
    ) -> Result<Vec<PublicVideo>, QueryError> {
        use Direction::{Ascending, Descending};
        use OrderBy::{UploadedAt, Votes};
        // The orders of the partial indexes on published videos, forwards or backwards.
        let query = match (wanted.order_by, wanted.direction) {
            (UploadedAt, Descending) => sqlx::query(published!("v.uploaded_at desc, v.video_id")),
            (UploadedAt, Ascending) => sqlx::query(published!("v.uploaded_at, v.video_id desc")),
            (Votes, Descending) => {
                sqlx::query(published!("v.votes desc, v.uploaded_at desc, v.video_id"))
            }
            (Votes, Ascending) => {
                sqlx::query(published!("v.votes, v.uploaded_at desc, v.video_id"))
            }
        };
        let rows = query
            .bind(i64::from(wanted.limit))
            .bind(offset(wanted.skip))
            .bind(wanted.of.city())
            .bind(wanted.of.country())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(public_video).collect()
    }
}

fn own_video(row: &PgRow) -> Result<OwnVideo, QueryError> {
    let status: &str = row.try_get("status")?;
    let status = VideoStatus::from_code(status)
        .ok_or_else(|| QueryError::broken(format!("unknown status `{status}`")))?;
    let ended_at: Option<Timestamp> = row.try_get("ended_at")?;
    let failure: Option<&str> = row.try_get("failure_reason")?;
    Ok(OwnVideo {
        id: VideoId(row.try_get("video_id")?),
        owner: AccountId(row.try_get("owner")?),
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        status,
        progress: percent(row.try_get("progress")?),
        uploaded_at: row.try_get("uploaded_at")?,
        processed_at: ended_at.filter(|_| status == VideoStatus::Processed),
        // A reason that only a newer version knows is still a failure.
        failure: failure
            .map(|code| FailureReason::from_code(code).unwrap_or(FailureReason::Internal)),
        original_key: row.try_get("original_key")?,
        processed_key: row.try_get("processed_key")?,
        poster_key: row.try_get("poster_key")?,
        hls_key: row.try_get("hls_key")?,
        votes: from_bigint(row.try_get("votes")?)?,
    })
}

/// For `offset`. No table has rows beyond this, and the sum with any page size fits a `bigint`.
fn offset(number: u64) -> i64 {
    const MAX_OFFSET: i64 = 1 << 60;
    i64::try_from(number).unwrap_or(MAX_OFFSET).min(MAX_OFFSET)
}

fn percent(stored: Option<i16>) -> Option<u8> {
    stored.and_then(|percent| u8::try_from(percent).ok())
}

fn public_video(row: &PgRow) -> Result<PublicVideo, QueryError> {
    Ok(PublicVideo {
        id: VideoId(row.try_get("video_id")?),
        title: row.try_get("title")?,
        artist_name: display_name(row.try_get("first_name")?, row.try_get("last_name")?),
        city: row.try_get("city")?,
        country: row.try_get("country")?,
        processed_key: row.try_get("processed_key")?,
        poster_key: row.try_get("poster_key")?,
        hls_key: row.try_get("hls_key")?,
        votes: from_bigint(row.try_get("votes")?)?,
        uploaded_at: row.try_get("uploaded_at")?,
    })
}
