//! Videos, as their owner and as the public see them.

use domain::event::FailureReason;
use domain::{AccountId, Timestamp, VideoId, VideoStatus};
use infra::database::from_bigint;
use uuid::Uuid;

use super::display_name::display_name;
use super::handle::Queries;
use crate::boards::Board;
use crate::query_error::QueryError;

/// A video as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnVideo {
    /// The video.
    pub id: VideoId,
    /// The account that uploaded it.
    pub owner: AccountId,
    /// Its title.
    pub title: String,
    /// Its description, if there is one.
    pub description: Option<String>,
    /// Its status.
    pub status: VideoStatus,
    /// The progress of its processing in percent, while a worker has it.
    pub progress: Option<u8>,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
    /// When it was published; `None` before that.
    pub processed_at: Option<Timestamp>,
    /// Why its processing failed; `None` unless it did.
    pub failure: Option<FailureReason>,
    /// The storage key of the original.
    pub original_key: String,
    /// The storage key of the finished video, once there is one.
    pub processed_key: Option<String>,
    /// The storage key of its poster, once there is one.
    pub poster_key: Option<String>,
    /// The storage key of the playlist of its adaptive stream, if it has one.
    pub hls_key: Option<String>,
    /// Counted votes.
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
    /// The artist's city, as they spell it.
    pub city: String,
    /// The artist's country, as they spell it.
    pub country: String,
    /// The storage key of the finished video.
    pub processed_key: String,
    /// The storage key of its poster.
    pub poster_key: Option<String>,
    /// The storage key of the playlist of its adaptive stream, if it has one.
    pub hls_key: Option<String>,
    /// Counted votes.
    pub votes: u64,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
}

/// The order of published videos. Ties go to the newer one, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OrderBy {
    /// By the time of the upload.
    #[default]
    UploadedAt,
    /// By counted votes.
    Votes,
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The smallest first.
    Ascending,
    /// The largest first.
    #[default]
    Descending,
}

/// A page of published videos.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PublicVideos {
    /// Only videos of artists on this board.
    pub of: Board,
    /// The order.
    pub order_by: OrderBy,
    /// Its direction.
    pub direction: Direction,
    /// Videos to skip.
    pub skip: u64,
    /// The most videos to return.
    pub limit: u32,
}

struct OwnVideoRow {
    video_id: Uuid,
    owner: Uuid,
    title: String,
    description: Option<String>,
    status: String,
    progress: Option<i16>,
    uploaded_at: Timestamp,
    ended_at: Option<Timestamp>,
    failure_reason: Option<String>,
    original_key: String,
    processed_key: Option<String>,
    poster_key: Option<String>,
    hls_key: Option<String>,
    votes: i64,
}

/// Selects videos as their owner sees them. The rest must be a literal, so that the statement is checked.
macro_rules! select_own {
    ($rest:literal, $argument:expr) => {
        sqlx::query_as!(
            OwnVideoRow,
            "select video_id, owner, title, description, status, uploaded_at, ended_at,
                    failure_reason, original_key, processed_key, poster_key, hls_key, votes,
                    case when status = 'processing' and lease_until > now() then progress end
                        as progress
             from videos left join transcode_leases using (video_id)
             where status <> 'deleted' and "
                + $rest,
            $argument
        )
    };
}

struct PublicVideoRow {
    video_id: Uuid,
    title: String,
    first_name: Option<String>,
    last_name: Option<String>,
    city: String,
    country: String,
    processed_key: String,
    poster_key: Option<String>,
    hls_key: Option<String>,
    votes: i64,
    uploaded_at: Timestamp,
}

/// Selects published videos. The parts must be literals, so that the statement is checked.
macro_rules! select_published {
    ($condition:literal, $order:literal, $limit:literal; $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            PublicVideoRow,
            r#"select v.video_id, v.title, p.first_name as "first_name?", p.last_name as "last_name?",
                    a.city, a.country, v.processed_key as "processed_key!", v.poster_key, v.hls_key,
                    v.votes, v.uploaded_at
             from videos v
             join accounts a on a.account_id = v.owner
             left join visible_persons p on p.account_id = v.owner
             where v.status = 'processed' and "#
                + $condition
                + $order
                + $limit,
            $($argument),+
        )
    };
}

/// Published videos of the places `$3` and `$4`, in this order.
macro_rules! select_page {
    ($order:literal, $queries:expr, $wanted:expr) => {
        select_published!(
            "($3::text is null or a.city_key = $3)
               and ($4::text is null or a.country_key = $4)
             order by ",
            $order,
            " limit $1 offset $2";
            i64::from($wanted.limit),
            offset($wanted.skip),
            $wanted.of.city(),
            $wanted.of.country(),
        )
        .fetch_all(&$queries.pool)
        .await?
    };
}

impl Queries {
    /// All videos of `owner` except deleted ones, the newest first.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn videos_of(&self, owner: AccountId) -> Result<Vec<OwnVideo>, QueryError> {
        let query = select_own!("owner = $1 order by uploaded_at desc, video_id desc", owner.0);
        let rows = query.fetch_all(&self.pool).await?;
        rows.into_iter().map(OwnVideoRow::into_video).collect()
    }

    /// A video of any owner; `None` if there never was one, or it is deleted.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn video(&self, video: VideoId) -> Result<Option<OwnVideo>, QueryError> {
        let query = select_own!("video_id = $1", video.0);
        query.fetch_optional(&self.pool).await?.map(OwnVideoRow::into_video).transpose()
    }

    /// The storage key of the playlist of a published video's adaptive stream; `None` if it has none.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn hls_key(&self, video: VideoId) -> Result<Option<String>, QueryError> {
        let key = sqlx::query_scalar!(
            "select hls_key from videos where video_id = $1 and status = 'processed'",
            video.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(key.flatten())
    }

    /// A published video; `None` if it does not exist or is not published.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn public_video(&self, video: VideoId) -> Result<Option<PublicVideo>, QueryError> {
        let query = select_published!("v.video_id = $1", "", ""; video.0);
        query.fetch_optional(&self.pool).await?.map(PublicVideoRow::into_video).transpose()
    }

    /// Whether a vote of `voter` for `video` was counted.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn has_voted(&self, voter: AccountId, video: VideoId) -> Result<bool, QueryError> {
        let voted = sqlx::query_scalar!(
            r#"select exists (select from votes where video_id = $1 and voter = $2) as "voted!""#,
            video.0,
            voter.0,
        );
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
        let rows = match (wanted.order_by, wanted.direction) {
            (UploadedAt, Descending) => {
                select_page!("v.uploaded_at desc, v.video_id", self, wanted)
            }
            (UploadedAt, Ascending) => select_page!("v.uploaded_at, v.video_id desc", self, wanted),
            (Votes, Descending) => {
                select_page!("v.votes desc, v.uploaded_at desc, v.video_id", self, wanted)
            }
            (Votes, Ascending) => {
                select_page!("v.votes, v.uploaded_at desc, v.video_id", self, wanted)
            }
        };
        rows.into_iter().map(PublicVideoRow::into_video).collect()
    }
}

impl OwnVideoRow {
    fn into_video(self) -> Result<OwnVideo, QueryError> {
        let status = VideoStatus::from_code(&self.status)
            .ok_or_else(|| QueryError::broken(format!("unknown status `{}`", self.status)))?;
        Ok(OwnVideo {
            id: VideoId(self.video_id),
            owner: AccountId(self.owner),
            title: self.title,
            description: self.description,
            status,
            progress: self.progress.and_then(|percent| u8::try_from(percent).ok()),
            uploaded_at: self.uploaded_at,
            processed_at: self.ended_at.filter(|_| status == VideoStatus::Processed),
            // A reason that only a newer version knows is still a failure.
            failure: self
                .failure_reason
                .map(|code| FailureReason::from_code(&code).unwrap_or(FailureReason::Internal)),
            original_key: self.original_key,
            processed_key: self.processed_key,
            poster_key: self.poster_key,
            hls_key: self.hls_key,
            votes: from_bigint(self.votes)?,
        })
    }
}

impl PublicVideoRow {
    fn into_video(self) -> Result<PublicVideo, QueryError> {
        Ok(PublicVideo {
            id: VideoId(self.video_id),
            title: self.title,
            artist_name: display_name(self.first_name, self.last_name),
            city: self.city,
            country: self.country,
            processed_key: self.processed_key,
            poster_key: self.poster_key,
            hls_key: self.hls_key,
            votes: from_bigint(self.votes)?,
            uploaded_at: self.uploaded_at,
        })
    }
}

/// For `offset`. No table has rows beyond this, and the sum with any page size fits a `bigint`.
fn offset(number: u64) -> i64 {
    const MAX_OFFSET: i64 = 1 << 60;
    i64::try_from(number).unwrap_or(MAX_OFFSET).min(MAX_OFFSET)
}
