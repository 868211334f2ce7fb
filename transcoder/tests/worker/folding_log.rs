//! An event log that folds each record while it is appended.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{
    AccountId, Changes, Contest, EmailKey, Event, EventId, FoldOutcome, Position, Recorded,
    Verdict, VideoEvent, VideoId, VideoState,
};
use infra::database::Pool;
use infra::event_log::{
    AppendError, EventLog, LogIdentity, LogReader, NewRecord, ReadError, Record,
};
use ports::LookupError;
use ports::read_models::{AbandonedVideo, AccountFacts, ReadModels, UploadFacts, VideoFacts};
use ports::verdicts::VerdictDesk;

use crate::fail_point::{FailPoint, FailPoints};

/// A log with one partition that acts as projector and read models, too.
pub(crate) struct FoldingLog {
    pool: Pool,
    desk: Arc<VerdictDesk>,
    contest: Mutex<Contest>,
    records: Mutex<Vec<Recorded>>,
    /// The number of appends that fail next.
    pub(crate) failing_appends: AtomicUsize,
    /// While set, no verdict is published.
    pub(crate) withholds_verdicts: AtomicBool,
    fail_points: Arc<FailPoints>,
}

impl FoldingLog {
    pub(crate) fn new(pool: Pool, desk: Arc<VerdictDesk>, fail_points: Arc<FailPoints>) -> Self {
        Self {
            pool,
            desk,
            contest: Mutex::default(),
            records: Mutex::default(),
            failing_appends: AtomicUsize::new(0),
            withholds_verdicts: AtomicBool::new(false),
            fail_points,
        }
    }

    pub(crate) async fn fold(&self, new: NewRecord) -> Position {
        let position = Position { partition: 0, offset: self.records.lock().unwrap().len() as u64 };
        let record = Record {
            position,
            at: chrono::Utc::now(),
            key: Some(new.key.into_bytes().into()),
            headers: new.headers.into_iter().map(|(k, v)| (k, v.into_bytes().into())).collect(),
            value: Some(new.value),
        };
        let recorded = record.open(1).unwrap();
        self.records.lock().unwrap().push(recorded.clone());
        let mut changes = Changes::default();
        let folded = domain::fold::fold(&mut self.contest.lock().unwrap(), &mut changes, &recorded);
        for video in changes.videos {
            if !self.status(video).status().awaits_processing() {
                sqlx::query("delete from transcode_jobs where video_id = $1")
                    .bind(video.0)
                    .execute(&self.pool)
                    .await
                    .unwrap();
            }
        }
        if !self.withholds_verdicts.load(SeqCst) {
            let verdict = match folded {
                FoldOutcome::Overtaken => Verdict::ACCEPTED,
                other => other.verdict().unwrap(),
            };
            self.desk.publish([(recorded.event_id, verdict)]);
        }
        position
    }

    pub(crate) fn status(&self, video: VideoId) -> VideoState {
        self.contest.lock().unwrap().videos[&video].state.clone()
    }

    /// The number of different final reports of this video in the log.
    pub(crate) fn ends(&self, video: VideoId) -> usize {
        let records = self.records.lock().unwrap();
        let is_final = |event: &VideoEvent| match event {
            VideoEvent::Processed(_) => true,
            VideoEvent::ProcessingFailed(failed) => failed.is_final,
            VideoEvent::Uploaded(_)
            | VideoEvent::ProcessingStarted(_)
            | VideoEvent::Deleted(_)
            | VideoEvent::Withdrawn(_)
            | VideoEvent::VoteCast(_) => false,
        };
        let ends = records.iter().filter(|record| match &record.event {
            Event::Video(of, event) => *of == video && is_final(event),
            Event::Account(..) => false,
        });
        ends.map(|record| record.event_id).collect::<HashSet<_>>().len()
    }

    /// The events of a video in short form, without its upload.
    pub(crate) fn history(&self, video: VideoId) -> Vec<String> {
        let records = self.records.lock().unwrap();
        let events = records.iter().filter_map(|record| match &record.event {
            Event::Video(of, event) => (*of == video).then(|| event.clone()),
            Event::Account(..) => None,
        });
        let name = |event: VideoEvent| match event {
            VideoEvent::ProcessingStarted(started) => format!("started {}", started.attempt),
            VideoEvent::Processed(_) => "processed".to_owned(),
            VideoEvent::ProcessingFailed(failed) => format!(
                "failed {} {}{}",
                failed.attempt,
                failed.reason.code(),
                if failed.is_final { " final" } else { "" }
            ),
            VideoEvent::Deleted(_) | VideoEvent::Withdrawn(_) => "deleted".to_owned(),
            VideoEvent::Uploaded(_) | VideoEvent::VoteCast(_) => String::new(),
        };
        events.map(name).filter(|name| !name.is_empty()).collect()
    }
}

#[async_trait]
impl EventLog for FoldingLog {
    fn partitions(&self) -> u32 {
        1
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        let mut positions = Vec::new();
        for record in records {
            let fails = self
                .failing_appends
                .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
                .is_ok();
            if fails {
                positions.push(Err(AppendError::unavailable("the log is unavailable")));
                continue;
            }
            let starts = record.headers.iter().any(|(_, value)| value.ends_with("_started"));
            let [before, after] = match starts {
                true => [FailPoint::BeforeStarted, FailPoint::AfterStarted],
                false => [FailPoint::BeforeEnd, FailPoint::AfterEnd],
            };
            self.fail_points.reach(before).await;
            positions.push(Ok(self.fold(record).await));
            self.fail_points.reach(after).await;
        }
        positions
    }

    async fn read(&self, _: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        Err(ReadError::unavailable("nobody reads this log"))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        Ok(vec![self.records.lock().unwrap().len() as u64])
    }

    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        Ok(LogIdentity::new("folding log"))
    }
}

#[async_trait]
impl ReadModels for FoldingLog {
    async fn account_by_email(&self, _: &EmailKey) -> Result<Option<AccountFacts>, LookupError> {
        Ok(None)
    }

    async fn account(&self, _: AccountId) -> Result<Option<AccountFacts>, LookupError> {
        Ok(None)
    }

    async fn videos_of(&self, _: AccountId) -> Result<Vec<(VideoId, VideoFacts)>, LookupError> {
        Ok(Vec::new())
    }

    async fn abandoned_videos(&self, _: u32) -> Result<Vec<AbandonedVideo>, LookupError> {
        Ok(Vec::new())
    }

    async fn video(&self, video: VideoId) -> Result<Option<VideoFacts>, LookupError> {
        let contest = self.contest.lock().unwrap();
        Ok(contest.videos.get(&video).map(|facts| VideoFacts {
            owner: facts.owner,
            upload: UploadFacts {
                title: facts.title.clone(),
                description: facts.description.clone(),
                original_key: facts.original_key.clone(),
                content_type: facts.content_type.clone(),
                sha256: facts.sha256.clone(),
                uploaded_by: facts.uploaded_by,
                uploaded_at: facts.uploaded_at,
            },
            status: facts.state.status(),
            votes: facts.votes,
            ended_by: None,
            processed_key: None,
            poster_key: None,
        }))
    }

    async fn unregistered(
        &self,
        _: &[(AccountId, EventId)],
        _: &[u64],
    ) -> Result<Vec<AccountId>, LookupError> {
        Ok(Vec::new())
    }

    async fn orphaned_keys(&self, _: &[String], _: &[u64]) -> Result<Vec<String>, LookupError> {
        Ok(Vec::new())
    }
}
