//! The transcoder's events, with the ids that a real worker derives. Nothing is transcoded.

use std::sync::Arc;

use domain::event::{FailureReason, Processed, ProcessingFailed, ProcessingStarted};
use domain::{Event, EventId, VideoEvent, VideoId, VideoState};
use infra::event_log::envelope::Envelope;

use crate::actor;
use crate::cluster::SimCluster;
use crate::process::{Process, VERDICT_DEADLINE};

const MAX_ATTEMPTS: u32 = 3;

/// Reports on one waiting video after the other until the cluster has healed. Sometimes it stops
/// half-way or works on a finished video again, as a crashed worker does.
pub(crate) async fn transcode(cluster: Arc<SimCluster>, processes: Vec<Arc<Process>>) {
    while !cluster.is_healed() {
        actor::pause(800).await;
        let Some((video, attempts)) = actor::pick(&waiting(&cluster)) else { continue };
        let Some(process) = actor::pick(&processes) else { return };
        let attempt = attempts + 1;
        let started = VideoEvent::ProcessingStarted(ProcessingStarted { attempt });
        report(&process, video, &format!("processing_started {attempt}"), started).await;
        actor::pause(600).await;
        if actor::chance(0.1) {
            continue; // The worker has crashed.
        }
        let (step, end) = end(video, attempt);
        report(&process, video, &step, end).await;
    }
}

fn waiting(cluster: &SimCluster) -> Vec<(VideoId, u32)> {
    let database = cluster.database();
    let waits = |state: &VideoState| state.status().awaits_processing() || actor::chance(0.02);
    let mut rows: Vec<_> = database.rows.videos.iter().collect();
    rows.sort_by_key(|(id, _)| **id);
    let open = rows.into_iter().filter(|(_, video)| waits(&video.state));
    open.map(|(id, video)| (*id, video.attempts)).collect()
}

fn end(video: VideoId, attempt: u32) -> (String, VideoEvent) {
    if actor::chance(0.75) {
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
    // Derived from the video: every worker must report the same event under one event id.
    let is_final = attempt >= MAX_ATTEMPTS || video.0.as_u128().is_multiple_of(3);
    let failed = ProcessingFailed { attempt, reason: FailureReason::TimedOut, is_final };
    (format!("processing_failed {attempt}"), VideoEvent::ProcessingFailed(failed))
}

/// Appends a report until it is certain to be in the log, at most three times.
async fn report(process: &Process, video: VideoId, step: &str, event: VideoEvent) {
    let envelope = Envelope::new(EventId::derived(video.0, step), Event::Video(video, event));
    for _ in 0..3 {
        let envelope = envelope.clone();
        let submit = |service: crate::process::Service| async move {
            service.submitter.submit(envelope, VERDICT_DEADLINE).await.is_ok()
        };
        if process.request(submit).await == Some(true) {
            return;
        }
        actor::pause(1_000).await;
    }
}
