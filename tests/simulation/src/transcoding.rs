//! The transcoder, as far as the log can tell: its reports, with the ids that its worker derives.

use std::sync::Arc;

use domain::event::{FailureReason, Processed, ProcessingFailed, ProcessingStarted};
use domain::{Event, EventId, VideoEvent, VideoId, VideoStatus};
use infra::event_log::envelope::Envelope;

use crate::lane;
use crate::process::{DEADLINE, Process};
use crate::world::World;

const ATTEMPTS: u32 = 3;

/// Works on videos that wait, one after the other, until the world has healed. It forgets what it did now and then, as
/// one that crashes does, and so reports twice.
pub(crate) async fn transcode(world: Arc<World>, homes: Vec<Arc<Process>>) {
    while !world.is_healed() {
        lane::pause(800).await;
        let Some((video, attempts)) = lane::pick(&waiting(&world)) else { continue };
        let Some(home) = lane::pick(&homes) else { return };
        let attempt = attempts + 1;
        let started = VideoEvent::ProcessingStarted(ProcessingStarted { attempt });
        report(&home, video, &format!("processing_started {attempt}"), started).await;
        lane::pause(600).await;
        if lane::chance(0.1) {
            continue; // The worker has died.
        }
        let (step, end) = end(video, attempt);
        report(&home, video, &step, end).await;
    }
}

fn waiting(world: &World) -> Vec<(VideoId, u32)> {
    let tables = world.tables();
    let waits = |status: &VideoStatus| {
        matches!(status, VideoStatus::Pending | VideoStatus::Processing) || lane::chance(0.02)
    };
    let mut rows: Vec<_> = tables.rows.videos.iter().collect();
    rows.sort_by_key(|(id, _)| **id);
    let open = rows.into_iter().filter(|(_, video)| waits(&video.status));
    open.map(|(id, video)| (*id, video.attempts)).collect()
}

fn end(video: VideoId, attempt: u32) -> (String, VideoEvent) {
    if lane::chance(0.75) {
        let processed = Processed {
            processed_key: "processed".to_owned(),
            poster_key: "poster".to_owned(),
            hls_key: None,
            duration_ms: 1,
            width: 2,
            height: 2,
            bytes: 1,
        };
        return ("processed".to_owned(), VideoEvent::Processed(processed));
    }
    // The same whoever works on it: an event id never stands for two different events.
    let is_final = attempt >= ATTEMPTS || video.0.as_u128().is_multiple_of(3);
    let failed = ProcessingFailed { attempt, reason: FailureReason::TimedOut, is_final };
    (format!("processing_failed {attempt}"), VideoEvent::ProcessingFailed(failed))
}

/// Appends a report, again and again until it is certain that it stands in the log, or until
/// patience ends.
async fn report(home: &Process, video: VideoId, step: &str, event: VideoEvent) {
    let envelope = Envelope::new(EventId::derived(video.0, step), Event::Video(video, event));
    for _ in 0..3 {
        let envelope = envelope.clone();
        let submit = |service: crate::process::Service| async move {
            service.decisions.submit(envelope, DEADLINE).await.is_ok()
        };
        if home.request(submit).await == Some(true) {
            return;
        }
        lane::pause(1_000).await;
    }
}
