//! Rows of `videos`.

use domain::event::FailureReason;
use domain::video::{Failure, ProcessingEnd, Published};
use domain::{AccountId, EventId, Timestamp, Video, VideoId, VideoState, VideoStatus};
use infra::database::{from_bigint, from_int, to_bigint, to_int};
use uuid::Uuid;

use super::rows::{broken, row};

row! {
    /// A row of `videos`. A deleted video keeps the columns of the end of its processing.
    VideoRow, VideoColumns {
        video_id: Uuid,
        owner: Uuid,
        title: String,
        description: Option<String>,
        original_key: String,
        content_type: String,
        bytes: i64,
        sha256: String,
        uploaded_at: Timestamp,
        uploaded_by: Uuid,
        attempts: i32,
        votes: i64,
        last_vote_at: Option<Timestamp>,
        status: String,
        ended_at: Option<Timestamp>,
        ended_by: Option<Uuid>,
        deleted_at: Option<Timestamp>,
        deleted_by: Option<Uuid>,
        failure_reason: Option<String>,
        processed_key: Option<String>,
        poster_key: Option<String>,
        duration_ms: Option<i64>,
        width: Option<i32>,
        height: Option<i32>,
        processed_bytes: Option<i64>,
        hls_key: Option<String>,
    }
}

impl VideoRow {
    pub(super) fn of(id: VideoId, video: &Video) -> Self {
        let Video {
            owner,
            title,
            description,
            original_key,
            content_type,
            bytes,
            sha256,
            uploaded_at,
            uploaded_by,
            attempts,
            state,
            votes,
            last_vote_at,
        } = video;
        let mut row = Self {
            video_id: id.0,
            owner: owner.0,
            title: title.clone(),
            description: description.clone(),
            original_key: original_key.clone(),
            content_type: content_type.clone(),
            bytes: to_bigint(*bytes),
            sha256: sha256.clone(),
            uploaded_at: *uploaded_at,
            uploaded_by: uploaded_by.0,
            attempts: to_int(*attempts),
            votes: to_bigint(*votes),
            last_vote_at: *last_vote_at,
            status: state.status().code().to_owned(),
            ..Self::default()
        };
        match state {
            VideoState::Pending | VideoState::Processing => {}
            VideoState::Processed(published) => row.set_published(published),
            VideoState::Failed(failure) => row.set_failure(failure),
            VideoState::Deleted { at, by, end } => {
                row.deleted_at = Some(*at);
                row.deleted_by = Some(by.0);
                match end {
                    None => {}
                    Some(ProcessingEnd::Processed(published)) => row.set_published(published),
                    Some(ProcessingEnd::Failed(failure)) => row.set_failure(failure),
                }
            }
        }
        row
    }

    fn set_published(&mut self, published: &Published) {
        let Published {
            processed_key,
            poster_key,
            hls_key,
            duration_ms,
            width,
            height,
            bytes,
            at,
            by,
        } = published;
        self.processed_key = Some(processed_key.clone());
        self.poster_key = Some(poster_key.clone());
        self.hls_key.clone_from(hls_key);
        self.duration_ms = Some(to_bigint(*duration_ms));
        self.width = Some(to_int(*width));
        self.height = Some(to_int(*height));
        self.processed_bytes = Some(to_bigint(*bytes));
        self.set_ended(*at, *by);
    }

    fn set_failure(&mut self, failure: &Failure) {
        let Failure { reason, at, by } = failure;
        self.failure_reason = Some(reason.code().to_owned());
        self.set_ended(*at, *by);
    }

    fn set_ended(&mut self, at: Timestamp, by: EventId) {
        self.ended_at = Some(at);
        self.ended_by = Some(by.0);
    }

    pub(super) fn into_video(self) -> Result<(VideoId, Video), sqlx::Error> {
        let video = Video {
            state: self.state()?,
            owner: AccountId(self.owner),
            title: self.title,
            description: self.description,
            original_key: self.original_key,
            content_type: self.content_type,
            bytes: from_bigint(self.bytes)?,
            sha256: self.sha256,
            uploaded_at: self.uploaded_at,
            uploaded_by: EventId(self.uploaded_by),
            attempts: from_int(self.attempts)?,
            votes: from_bigint(self.votes)?,
            last_vote_at: self.last_vote_at,
        };
        Ok((VideoId(self.video_id), video))
    }

    fn state(&self) -> Result<VideoState, sqlx::Error> {
        let status = VideoStatus::from_code(&self.status).ok_or_else(|| broken("status"))?;
        Ok(match status {
            VideoStatus::Pending => VideoState::Pending,
            VideoStatus::Processing => VideoState::Processing,
            VideoStatus::Processed => VideoState::Processed(self.published()?),
            VideoStatus::Failed => VideoState::Failed(self.failure()?),
            VideoStatus::Deleted => VideoState::Deleted {
                at: present(self.deleted_at, "deleted_at")?,
                by: EventId(present(self.deleted_by, "deleted_by")?),
                end: self.processing_end()?,
            },
        })
    }

    /// How the processing of a deleted video ended.
    fn processing_end(&self) -> Result<Option<ProcessingEnd>, sqlx::Error> {
        Ok(match (self.ended_by, &self.failure_reason) {
            (None, _) => None,
            (Some(_), Some(_)) => Some(ProcessingEnd::Failed(self.failure()?)),
            (Some(_), None) => Some(ProcessingEnd::Processed(self.published()?)),
        })
    }

    fn failure(&self) -> Result<Failure, sqlx::Error> {
        let reason = self.failure_reason.as_deref().and_then(FailureReason::from_code);
        Ok(Failure {
            reason: present(reason, "failure_reason")?,
            at: present(self.ended_at, "ended_at")?,
            by: EventId(present(self.ended_by, "ended_by")?),
        })
    }

    fn published(&self) -> Result<Published, sqlx::Error> {
        Ok(Published {
            processed_key: present(self.processed_key.clone(), "processed_key")?,
            poster_key: present(self.poster_key.clone(), "poster_key")?,
            hls_key: self.hls_key.clone(),
            duration_ms: from_bigint(present(self.duration_ms, "duration_ms")?)?,
            width: from_int(present(self.width, "width")?)?,
            height: from_int(present(self.height, "height")?)?,
            bytes: from_bigint(present(self.processed_bytes, "processed_bytes")?)?,
            at: present(self.ended_at, "ended_at")?,
            by: EventId(present(self.ended_by, "ended_by")?),
        })
    }
}

fn present<T>(value: Option<T>, column: &str) -> Result<T, sqlx::Error> {
    value.ok_or_else(|| broken(column))
}
