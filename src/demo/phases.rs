//! The phases of a demo. Each runs many requests concurrently and shows a progress bar.

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::client::{Client, Status, Video};

const MIN_POLL_PAUSE: Duration = Duration::from_millis(250);
const MAX_POLL_PAUSE: Duration = Duration::from_secs(4);
/// Videos whose status is polled at a time. Workers take the oldest first, so only those are polled.
const POLLED_AT_ONCE: usize = 16;

/// The progress bar of one phase.
pub(super) struct Phase {
    bar: ProgressBar,
}

impl Phase {
    pub(super) fn new(name: &'static str, times: usize) -> Self {
        let bar = ProgressBar::new(times as u64).with_message(name);
        // The template is a valid constant.
        if let Ok(style) = ProgressStyle::with_template(
            "{msg:>12} {bar:40} {pos:>7}/{len:<7} {per_sec:>10} {eta:>4}",
        ) {
            bar.set_style(style.progress_chars("━━ "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Runs the futures, `concurrency` at a time. Returns their results in order, or the first error.
    pub(super) async fn run<T, F>(
        self,
        work: impl Iterator<Item = F>,
        concurrency: usize,
    ) -> Result<Vec<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let bar = &self.bar;
        let results = stream::iter(work)
            .buffered(concurrency)
            .inspect_ok(|_| bar.inc(1))
            .try_collect()
            .await?;
        self.bar.finish();
        Ok(results)
    }
}

/// Waits until each video is processed or has failed. Returns the processed ones, in the given order.
pub(super) async fn wait_until_processed(
    client: &Client,
    videos: Vec<Video>,
) -> Result<Vec<Video>> {
    let phase = Phase::new("processing", videos.len());
    let mut failed = HashSet::new();
    let mut waiting = videos.clone();
    let mut pause = MIN_POLL_PAUSE;
    while !waiting.is_empty() {
        let later = waiting.split_off(waiting.len().min(POLLED_AT_ONCE));
        let asked = waiting.len();
        let mut still = Vec::new();
        let mut statuses = stream::iter(waiting)
            .map(|video| async {
                let status = client.status(&video).await?;
                Ok::<_, anyhow::Error>((video, status))
            })
            .buffered(POLLED_AT_ONCE);
        while let Some((video, status)) = statuses.try_next().await? {
            match status {
                Status::Processed => {}
                Status::Failed => {
                    tracing::warn!(video_id = video.id, "video processing failed");
                    failed.insert(video.id);
                }
                Status::Pending | Status::Processing => still.push(video),
            }
        }
        let done = asked - still.len();
        phase.bar.inc(done as u64);
        still.extend(later);
        waiting = still;
        pause = if done > 0 { MIN_POLL_PAUSE } else { (pause * 2).min(MAX_POLL_PAUSE) };
        if !waiting.is_empty() && done < POLLED_AT_ONCE {
            tokio::time::sleep(pause).await;
        }
    }
    phase.bar.finish();
    Ok(videos.into_iter().filter(|video| !failed.contains(&video.id)).collect())
}
