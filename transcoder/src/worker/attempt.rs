//! One attempt: fetch the original, process it in a child, store the result.

use std::fs::File;
use std::time::Duration;

use domain::event::{FailureReason, Processed};
use futures_util::TryStreamExt;
use infra::event_log::AppendError;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use super::context::WorkerContext;
use super::reports::report_started;
use super::results::{of_storage, parse_key};
use super::scratch;
use crate::failure::Failure;
use crate::finished_video::FinishedVideo;
use crate::queue::Job;

/// Makes and stores the video. Dropping the future ends the child and removes the folder.
///
/// # Errors
/// The outer one: the log did not accept `processing_started`, so nothing was processed.
pub(super) async fn run(
    context: &WorkerContext,
    job: &Job,
    progress: &watch::Sender<u8>,
) -> Result<Result<Processed, Failure>, AppendError> {
    // Fetched before the report: while the store is away, the log receives nothing.
    let (folder, original) = match fetch(context, job).await {
        Ok(fetched) => fetched,
        Err(failure) => return Ok(Err(failure)),
    };
    report_started(context, job).await?;
    Ok(process(context, job, &folder, original, progress).await)
}

async fn process(
    context: &WorkerContext,
    job: &Job,
    folder: &TempDir,
    original: File,
    progress: &watch::Sender<u8>,
) -> Result<Processed, Failure> {
    let finished = context.dependencies.child.run(original, folder.path(), progress).await?;
    record_cost(&finished);
    context.results(job).store(folder.path(), &finished).await
}

/// Fetches the original into an unlinked file: the kernel frees it when worker and child have closed
/// it.
async fn fetch(context: &WorkerContext, job: &Job) -> Result<(TempDir, File), Failure> {
    let (disk, dependencies) = (Failure::of_disk, &context.dependencies);
    let folder = scratch::for_job(&dependencies.scratch).map_err(disk)?;
    let key = parse_key(&job.original_key)?;
    let named = tempfile::NamedTempFile::new_in(&dependencies.scratch).map_err(disk)?;
    let mut body = dependencies.storage.get(&key).await.map_err(of_storage)?;
    let mut file = tokio::fs::File::from_std(named.reopen().map_err(disk)?);
    while let Some(chunk) = body.try_next().await.map_err(interrupted)? {
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    Ok((folder, File::open(named.path()).map_err(disk)?))
}

fn interrupted(error: std::io::Error) -> Failure {
    let reason = FailureReason::StorageUnavailable;
    Failure::caused_by(reason, "the original was not read to its end", error)
}

/// Records the processor time per second of finished video.
fn record_cost(finished: &FinishedVideo) {
    let seconds = Duration::from_millis(finished.duration_ms.max(1)).as_secs_f64();
    let cpu = Duration::from_millis(finished.cpu_ms).as_secs_f64();
    metrics::histogram!("anb_transcode_cpu_seconds_per_second").record(cpu / seconds);
}
