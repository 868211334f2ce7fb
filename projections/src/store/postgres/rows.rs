//! Rows to values and back.

use domain::contest::Published;
use domain::event::FailureReason;
use domain::{AccountId, EventId, Position, Timestamp, Video, VideoId, VideoStatus};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Postgres has no unsigned integers. No count here comes near 2^63.
pub(super) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A dimension, an attempt: far below 2^31.
pub(super) fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn partition(partition: u32) -> i32 {
    int(partition)
}

pub(super) fn unsigned(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| broken(column))
}

pub(super) fn position(row: &PgRow) -> Result<Position, sqlx::Error> {
    let partition: i32 = row.try_get("partition")?;
    let partition = u32::try_from(partition).map_err(|_| broken("partition"))?;
    Ok(Position { partition, offset: unsigned(row, "next_offset")? })
}

pub(super) fn video(row: &PgRow) -> Result<(VideoId, Video), sqlx::Error> {
    let attempts: i32 = row.try_get("attempts")?;
    let video = Video {
        owner: AccountId(row.try_get("owner")?),
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        original_key: row.try_get("original_key")?,
        content_type: row.try_get("content_type")?,
        bytes: unsigned(row, "bytes")?,
        sha256: row.try_get("sha256")?,
        uploaded_at: row.try_get("uploaded_at")?,
        uploaded_by: EventId(row.try_get("uploaded_by")?),
        attempts: u32::try_from(attempts).map_err(|_| broken("attempts"))?,
        status: status(row)?,
        votes: unsigned(row, "votes")?,
        last_vote_at: row.try_get("last_vote_at")?,
    };
    Ok((VideoId(row.try_get("video_id")?), video))
}

fn status(row: &PgRow) -> Result<VideoStatus, sqlx::Error> {
    let status: &str = row.try_get("status")?;
    match status {
        "pending" => return Ok(VideoStatus::Pending),
        "processing" => return Ok(VideoStatus::Processing),
        _ => {}
    }
    let at: Timestamp = row.try_get("ended_at")?;
    let by = EventId(row.try_get::<Uuid, _>("ended_by")?);
    match status {
        "deleted" => Ok(VideoStatus::Deleted { at, by }),
        "failed" => {
            let code: &str = row.try_get("failure_reason")?;
            let reason = FailureReason::from_code(code).ok_or_else(|| broken("failure_reason"))?;
            Ok(VideoStatus::Failed { reason, at, by })
        }
        "processed" => Ok(VideoStatus::Processed(Published {
            processed_key: row.try_get("processed_key")?,
            poster_key: row.try_get("poster_key")?,
            duration_ms: unsigned(row, "duration_ms")?,
            width: dimension(row, "width")?,
            height: dimension(row, "height")?,
            bytes: unsigned(row, "processed_bytes")?,
            at,
            by,
        })),
        _ => Err(broken("status")),
    }
}

fn dimension(row: &PgRow, column: &str) -> Result<u32, sqlx::Error> {
    let number: i32 = row.try_get(column)?;
    u32::try_from(number).map_err(|_| broken(column))
}

pub(super) fn broken(column: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("unexpected value in column `{column}`").into())
}

/// The columns of `videos` that depend on the status.
#[derive(Default)]
pub(super) struct StatusColumns<'a> {
    pub(super) status: &'static str,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) ended_by: Option<Uuid>,
    pub(super) failure_reason: Option<&'static str>,
    pub(super) published: Option<&'a Published>,
}

impl<'a> From<&'a VideoStatus> for StatusColumns<'a> {
    fn from(status: &'a VideoStatus) -> Self {
        let ended = |status, at: &Timestamp, by: &EventId| Self {
            status,
            ended_at: Some(*at),
            ended_by: Some(by.0),
            ..Self::default()
        };
        match status {
            VideoStatus::Pending => Self { status: "pending", ..Self::default() },
            VideoStatus::Processing => Self { status: "processing", ..Self::default() },
            VideoStatus::Processed(published) => Self {
                published: Some(published),
                ..ended("processed", &published.at, &published.by)
            },
            VideoStatus::Failed { reason, at, by } => {
                Self { failure_reason: Some(reason.code()), ..ended("failed", at, by) }
            }
            VideoStatus::Deleted { at, by } => ended("deleted", at, by),
        }
    }
}
