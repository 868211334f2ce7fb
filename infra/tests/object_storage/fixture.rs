//! A store for each test.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::TryStreamExt;
use infra::object_storage::local::LocalStorage;
use infra::object_storage::s3::{S3Credentials, S3Settings, S3Storage};
use infra::object_storage::{ObjectKey, ObjectStorage};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::s3::Bucket;

/// The limit of each wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store and its internals, which the contract does not show.
pub(crate) struct Store {
    pub(crate) storage: Arc<dyn ObjectStorage>,
    /// The folder of bodies being received.
    partial: PathBuf,
    bucket: Option<Bucket>,
    _folder: TempDir,
}

impl Store {
    pub(crate) fn local() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = local_in(folder.path());
        let partial = folder.path().join("partial");
        Self { storage: Arc::new(storage), partial, bucket: None, _folder: folder }
    }

    pub(crate) async fn s3() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bucket = Bucket::new().await;
        let storage = s3_in(&bucket, &bucket.endpoint, folder.path()).await;
        let partial = folder.path().to_owned();
        Self { storage: Arc::new(storage), partial, bucket: Some(bucket), _folder: folder }
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().unwrap()
    }

    /// Keys and sizes, sorted.
    pub(crate) async fn listed(&self, prefix: &str) -> Vec<(String, u64)> {
        let found = self.storage.list(prefix).await.unwrap();
        let objects: Vec<_> = found.try_collect().await.unwrap();
        let mut objects: Vec<_> =
            objects.into_iter().map(|object| (object.key.to_string(), object.bytes)).collect();
        objects.sort();
        objects
    }

    /// The number of partial files and incomplete uploads.
    pub(crate) async fn leftovers(&self) -> usize {
        let files = std::fs::read_dir(&self.partial).unwrap().count();
        match &self.bucket {
            Some(bucket) => files + bucket.uploads().await,
            None => files,
        }
    }

    pub(crate) async fn await_no_leftovers(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.leftovers().await > 0 {
            assert!(Instant::now() < deadline, "something is left behind");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Deref for Store {
    type Target = dyn ObjectStorage;

    fn deref(&self) -> &Self::Target {
        &*self.storage
    }
}

pub(crate) fn local_in(folder: &Path) -> LocalStorage {
    LocalStorage::open(folder, "http://anb.test/", b"a secret of the tests").unwrap()
}

pub(crate) async fn s3_in(bucket: &Bucket, endpoint: &str, spool: &Path) -> S3Storage {
    let settings = S3Settings {
        bucket: bucket.name.clone(),
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(endpoint.to_owned()),
        spool: spool.to_owned(),
        credentials: S3Credentials::Static {
            id: bucket.access_key.clone(),
            secret: bucket.secret_key.clone(),
        },
    };
    S3Storage::open(settings).await.unwrap()
}

pub(crate) fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}
