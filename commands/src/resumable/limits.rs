//! Limits of resumable uploads.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Unfinished uploads per person.
pub(super) const MAX_UNFINISHED: i64 = 16;
/// Pieces per upload.
pub(super) const MAX_PIECES: usize = 1_000;
/// Uploads that one process creates at once. Each holds a database connection, perhaps to wait for
/// another one of its owner.
const MAX_CONCURRENT_CREATIONS: usize = 4;
/// Pieces that one process receives at once.
const MAX_CONCURRENT_PIECES: usize = 256;

/// Concurrency limits of one process.
pub(crate) struct UploadLimits {
    pub(super) creations: Semaphore,
    pub(super) pieces: Arc<Semaphore>,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            creations: Semaphore::new(MAX_CONCURRENT_CREATIONS),
            pieces: Arc::new(Semaphore::new(MAX_CONCURRENT_PIECES)),
        }
    }
}
