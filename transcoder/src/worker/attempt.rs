//! One attempt: fetch the original, have it processed, store the result.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use domain::event::{FailureReason, Processed};
use domain::{VideoId, object_keys};
use futures_util::{StreamExt, TryStreamExt};
use infra::event_log::AppendError;
use infra::object_storage::{ObjectKey, StorageError, content_type_of};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio_util::io::ReaderStream;

use super::{Worker, scratch};
use crate::hls;
use crate::pipeline::{POSTER_FILE, VIDEO_FILE};
use crate::queue::Job;
use crate::report::{Failure, Finished, MAX_RESULT, Variant};

/// Where the results of a video lie, whoever made them.
pub(super) struct ResultKeys {
    pub(super) video: ObjectKey,
    pub(super) poster: ObjectKey,
}

impl ResultKeys {
    pub(super) fn of(video: VideoId) -> Result<Self, Failure> {
        Ok(Self {
            video: parse(&object_keys::processed(video))?,
            poster: parse(&object_keys::poster(video))?,
        })
    }
}

fn parse(key: &str) -> Result<ObjectKey, Failure> {
    ObjectKey::parse(key).ok_or_else(|| Failure::internal(&format!("`{key}` is no object key")))
}

/// What an attempt begins with.
struct Fetched {
    folder: TempDir,
    original: File,
}

impl Worker {
    /// Makes the video and stores it. Dropping the future ends everything that it has begun.
    ///
    /// # Errors
    /// If the log does not take the report that the attempt begins: without it nothing is done.
    pub(super) async fn attempt(
        &self,
        job: &Job,
        progress: &watch::Sender<u8>,
    ) -> Result<Result<Processed, Failure>, AppendError> {
        // Fetched first: while the store is away, the log has nothing to tell.
        let fetched = match self.fetch(job).await {
            Ok(fetched) => fetched,
            Err(failure) => return Ok(Err(failure)),
        };
        self.report_started(job).await?;
        Ok(self.process(job, fetched, progress).await)
    }

    async fn fetch(&self, job: &Job) -> Result<Fetched, Failure> {
        let folder = scratch::for_job(&self.dependencies.scratch);
        let folder = folder.map_err(|error| Failure::of_disk(&error))?;
        let original = self.original(&parse(&job.original_key)?).await?;
        Ok(Fetched { folder, original })
    }

    async fn process(
        &self,
        job: &Job,
        fetched: Fetched,
        progress: &watch::Sender<u8>,
    ) -> Result<Processed, Failure> {
        let Fetched { folder, original } = fetched;
        let finished = self.dependencies.child.run(original, folder.path(), progress).await?;
        measure(&finished);
        let keys = ResultKeys::of(job.video)?;
        self.store(&keys.poster, &folder.path().join(POSTER_FILE)).await?;
        let bytes = self.store(&keys.video, &folder.path().join(VIDEO_FILE)).await?;
        Ok(Processed {
            processed_key: keys.video.to_string(),
            poster_key: keys.poster.to_string(),
            hls_key: self.store_stream(job.video, folder.path(), &finished).await?,
            duration_ms: finished.duration_ms,
            width: finished.width,
            height: finished.height,
            bytes,
        })
    }

    /// The original as an open file without a name: the child can read it, and it is gone with the
    /// last who has it open.
    async fn original(&self, key: &ObjectKey) -> Result<File, Failure> {
        let disk = |error| Failure::of_disk(&error);
        let named = tempfile::NamedTempFile::new_in(&self.dependencies.scratch).map_err(disk)?;
        let mut body =
            self.dependencies.storage.get(key).await.map_err(|error| of_storage(&error))?;
        let mut file = tokio::fs::File::from_std(named.reopen().map_err(disk)?);
        while let Some(chunk) = body.try_next().await.map_err(|error| unreadable(&error))? {
            file.write_all(&chunk).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)?;
        File::open(named.path()).map_err(disk)
    }

    /// Stores the adaptive stream, if there is one: its list last, when all that it names is there.
    async fn store_stream(
        &self,
        video: VideoId,
        folder: &Path,
        finished: &Finished,
    ) -> Result<Option<String>, Failure> {
        if finished.variants.is_empty() {
            return Ok(None);
        }
        let key = |name: &str| parse(&format!("{}{name}", object_keys::hls_folder(video)));
        for variant in &finished.variants {
            let file = Variant::file_name(variant.height);
            self.store(&key(&file)?, &folder.join(&file)).await?;
            self.store_text(&key(&hls::list_name(variant))?, hls::list(variant)).await?;
        }
        let master = key(hls::MASTER)?;
        self.store_text(&master, hls::master(finished)).await?;
        Ok(Some(master.to_string()))
    }

    async fn store_text(&self, key: &ObjectKey, text: String) -> Result<(), Failure> {
        let body = futures_util::stream::iter([Ok(Bytes::from(text))]).boxed();
        let stored = self.dependencies.storage.put(key, content_type_of(key), body).await;
        stored.map(drop).map_err(|error| of_storage(&error))
    }

    async fn store(&self, key: &ObjectKey, path: &Path) -> Result<u64, Failure> {
        let file = open_result(path)?;
        let body = ReaderStream::new(tokio::fs::File::from_std(file)).boxed();
        let stored = self.dependencies.storage.put(key, content_type_of(key), body).await;
        stored.map_err(|error| of_storage(&error))
    }

    /// Removes results that nobody wants. What cannot be removed is left to the sweep.
    pub(super) async fn remove_results(&self, video: VideoId) {
        let Ok(keys) = ResultKeys::of(video) else { return };
        for key in [keys.video, keys.poster] {
            if let Err(error) = self.dependencies.storage.delete(&key).await {
                tracing::warn!(%video, %key, %error, "an unwanted result remains for the sweep");
            }
        }
        if let Err(error) =
            self.dependencies.storage.delete_all(&object_keys::hls_folder(video)).await
        {
            tracing::warn!(%video, %error, "an unwanted stream remains for the sweep");
        }
    }
}

/// The child was alone with a stranger's file: what it left is not followed if it is a link, and not
/// waited for if it is a pipe.
fn open_result(path: &Path) -> Result<File, Failure> {
    let disk = |error| Failure::of_disk(&error);
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(disk)?;
    let about = file.metadata().map_err(disk)?;
    if !about.is_file() || about.len() > MAX_RESULT {
        return Err(Failure::internal(&"the child's result is no file, or an absurd one"));
    }
    Ok(file)
}

/// What a second of finished video costs.
fn measure(finished: &Finished) {
    let seconds = Duration::from_millis(finished.duration_ms.max(1)).as_secs_f64();
    let cpu = Duration::from_millis(finished.cpu_ms).as_secs_f64();
    metrics::histogram!("anb_transcode_cpu_seconds_per_second").record(cpu / seconds);
}

fn of_storage(error: &StorageError) -> Failure {
    Failure::new(FailureReason::StorageUnavailable, error.to_string())
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::new(FailureReason::StorageUnavailable, error.to_string())
}
