//! The stages of a demo: many requests at a time, with a progress bar.

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::client::{Account, Client, Status};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Videos are processed about in the order of their upload, so that asking for the oldest is enough.
const ASKED_AT_ONCE: usize = 16;

/// A video and who uploaded it.
#[derive(Clone, Debug)]
pub(super) struct Video {
    pub(super) id: String,
    pub(super) owner: Account,
}

/// Something that is done many times.
pub(super) struct Stage {
    bar: ProgressBar,
}

impl Stage {
    pub(super) fn new(name: &'static str, times: usize) -> Self {
        let bar = ProgressBar::new(times as u64).with_message(name);
        // The template is a constant; without it the bar would merely look different.
        if let Ok(style) = ProgressStyle::with_template(
            "{msg:>12} {bar:40} {pos:>7}/{len:<7} {per_sec:>10} {eta:>4}",
        ) {
            bar.set_style(style.progress_chars("━━ "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// So many more are done.
    pub(super) fn advance(&self, times: usize) {
        self.bar.inc(times as u64);
    }

    pub(super) fn finish(self) {
        self.bar.finish();
    }

    /// Does everything, `concurrency` at a time; the results come in the order of the work. The
    /// first error ends it.
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

/// Waits until every video is processed or has failed; the processed ones, in the order given.
pub(super) async fn wait_until_processed(
    client: &Client,
    videos: Vec<Video>,
) -> Result<Vec<Video>> {
    let stage = Stage::new("processing", videos.len());
    let mut failed = HashSet::new();
    let mut waiting = videos.clone();
    let mut pause = FIRST_PAUSE;
    while !waiting.is_empty() {
        let later = waiting.split_off(waiting.len().min(ASKED_AT_ONCE));
        let asked = waiting.len();
        let mut still = Vec::new();
        let mut statuses = stream::iter(waiting)
            .map(|video| async {
                let status = client.status(&video).await?;
                Ok::<_, anyhow::Error>((video, status))
            })
            .buffered(ASKED_AT_ONCE);
        while let Some((video, status)) = statuses.try_next().await? {
            match status {
                Status::Processed => {}
                Status::Failed => {
                    tracing::warn!(video = video.id, "could not be processed");
                    failed.insert(video.id);
                }
                Status::Pending | Status::Processing => still.push(video),
            }
        }
        let done = asked - still.len();
        stage.bar.inc(done as u64);
        still.extend(later);
        waiting = still;
        pause = if done > 0 { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        if !waiting.is_empty() && done < ASKED_AT_ONCE {
            tokio::time::sleep(pause).await;
        }
    }
    stage.bar.finish();
    Ok(videos.into_iter().filter(|video| !failed.contains(&video.id)).collect())
}
