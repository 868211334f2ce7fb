//! Videos that end without a transcoder: events appended straight to the log.

use domain::event::{FailureReason, Processed, ProcessingFailed, Uploaded};
use domain::{Event, EventId, VideoEvent, VideoId};
use infra::event_log::envelope::Envelope;
use uuid::Uuid;

use super::client::Person;
use super::environment::TestEnvironment;
use super::wait::eventually;

impl TestEnvironment {
    /// Publishes `count` videos of `owner` and returns them in the order of upload.
    pub(crate) async fn publish_videos(&self, owner: &Person, count: usize) -> Vec<VideoId> {
        let mut videos = Vec::new();
        for n in 0..count {
            let video = VideoId(Uuid::now_v7());
            videos.push(video);
            let uploaded = Uploaded {
                video_id: video,
                owner: owner.id,
                title: format!("Canción {n} de {}", owner.first_name),
                description: None,
                original_key: format!("originals/{video}.mp4"),
                bytes: 1_000,
                content_type: "video/mp4".to_owned(),
                sha256: "00".repeat(32),
            };
            let processed = Processed {
                processed_key: format!("processed/{video}.mp4"),
                poster_key: format!("posters/{video}.jpg"),
                hls_key: None,
                duration_ms: 2_000,
                width: 640,
                height: 360,
                bytes: 900,
            };
            // One append per video, so that no two have the same time.
            self.append_events(vec![
                Event::Video(video, VideoEvent::Uploaded(uploaded)),
                Event::Video(video, VideoEvent::Processed(processed)),
            ])
            .await;
        }
        self.wait_until_folded(&videos, "processed").await;
        videos
    }

    /// Ends the processing of a video as failed.
    pub(crate) async fn fail_processing(&self, video: VideoId) {
        let reason = FailureReason::Undecodable;
        let failed = ProcessingFailed { attempt: 1, reason, is_final: true };
        self.append_events(vec![Event::Video(video, VideoEvent::ProcessingFailed(failed))]).await;
        self.wait_until_folded(&[video], "failed").await;
    }

    pub(crate) async fn append_events(&self, events: Vec<Event>) {
        let record = |event| Envelope::new(EventId(Uuid::now_v7()), event).into_record().unwrap();
        for appended in self.log.append(events.into_iter().map(record).collect()).await {
            appended.unwrap();
        }
    }

    async fn wait_until_folded(&self, videos: &[VideoId], status: &str) {
        let ids: Vec<Uuid> = videos.iter().map(|video| video.0).collect();
        eventually("the videos are folded", async || {
            let sql = "select count(*) from videos where video_id = any($1) and status = $2";
            let query = sqlx::query_scalar::<_, i64>(sql).bind(&ids).bind(status);
            let known = query.fetch_one(&self.pool).await.unwrap();
            (known == ids.len() as i64).then_some(())
        })
        .await;
    }
}
