//! Rows to values and back.

use domain::event::FailureReason;
use domain::video::{Failure, ProcessingEnd, Published};
use domain::{AccountId, EventId, Position, Timestamp, Video, VideoId, VideoState};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

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
        state: state(row)?,
        votes: unsigned(row, "votes")?,
        last_vote_at: row.try_get("last_vote_at")?,
    };
    Ok((VideoId(row.try_get("video_id")?), video))
}

fn state(row: &PgRow) -> Result<VideoState, sqlx::Error> {
    let status: &str = row.try_get("status")?;
    match status {
        "pending" => Ok(VideoState::Pending),
        "processing" => Ok(VideoState::Processing),
        "processed" => published(row).map(VideoState::Processed),
        "failed" => failure(row).map(VideoState::Failed),
        "deleted" => Ok(VideoState::Deleted {
            at: row.try_get("deleted_at")?,
            by: EventId(row.try_get("deleted_by")?),
            end: end(row)?,
        }),
        _ => Err(broken("status")),
    }
}

/// How the processing of a deleted video had ended.
fn end(row: &PgRow) -> Result<Option<ProcessingEnd>, sqlx::Error> {
    if row.try_get::<Option<Uuid>, _>("ended_by")?.is_none() {
        return Ok(None);
    }
    let failed = row.try_get::<Option<&str>, _>("failure_reason")?.is_some();
    let end = if failed {
        failure(row).map(ProcessingEnd::Failed)
    } else {
        published(row).map(ProcessingEnd::Processed)
    };
    end.map(Some)
}

fn failure(row: &PgRow) -> Result<Failure, sqlx::Error> {
    let code: &str = row.try_get("failure_reason")?;
    Ok(Failure {
        reason: FailureReason::from_code(code).ok_or_else(|| broken("failure_reason"))?,
        at: row.try_get("ended_at")?,
        by: EventId(row.try_get("ended_by")?),
    })
}

fn published(row: &PgRow) -> Result<Published, sqlx::Error> {
    Ok(Published {
        processed_key: row.try_get("processed_key")?,
        poster_key: row.try_get("poster_key")?,
        hls_key: row.try_get("hls_key")?,
        duration_ms: unsigned(row, "duration_ms")?,
        width: dimension(row, "width")?,
        height: dimension(row, "height")?,
        bytes: unsigned(row, "processed_bytes")?,
        at: row.try_get("ended_at")?,
        by: EventId(row.try_get("ended_by")?),
    })
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
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) deleted_by: Option<Uuid>,
    pub(super) failure_reason: Option<&'static str>,
    pub(super) published: Option<&'a Published>,
}

impl<'a> StatusColumns<'a> {
    fn named(status: &'static str) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn hls_key(&self) -> Option<&'a str> {
        self.published?.hls_key.as_deref()
    }

    fn processed(self, published: &'a Published) -> Self {
        Self {
            ended_at: Some(published.at),
            ended_by: Some(published.by.0),
            published: Some(published),
            ..self
        }
    }

    fn failed(self, failure: &Failure) -> Self {
        Self {
            ended_at: Some(failure.at),
            ended_by: Some(failure.by.0),
            failure_reason: Some(failure.reason.code()),
            ..self
        }
    }
}

impl<'a> From<&'a VideoState> for StatusColumns<'a> {
    fn from(state: &'a VideoState) -> Self {
        match state {
            VideoState::Pending => Self::named("pending"),
            VideoState::Processing => Self::named("processing"),
            VideoState::Processed(published) => Self::named("processed").processed(published),
            VideoState::Failed(failure) => Self::named("failed").failed(failure),
            VideoState::Deleted { at, by, end } => {
                let deleted = Self {
                    deleted_at: Some(*at),
                    deleted_by: Some(by.0),
                    ..Self::named("deleted")
                };
                match end {
                    None => deleted,
                    Some(ProcessingEnd::Processed(published)) => deleted.processed(published),
                    Some(ProcessingEnd::Failed(failure)) => deleted.failed(failure),
                }
            }
        }
    }
}
