//! Opens the configured object storage.

use std::sync::Arc;

use anyhow::{Context, Result};
use infra::config::StorageSettings;
use infra::object_storage::ObjectStorage;
use infra::object_storage::local::LocalStorage;
use infra::object_storage::s3::{S3Credentials, S3Settings, S3Storage};

use crate::settings::Settings;

/// The object storage. `media` is the same store if the API serves its files.
pub(super) struct Storage {
    pub(super) objects: Arc<dyn ObjectStorage>,
    pub(super) media: Option<Arc<LocalStorage>>,
    /// The URL under which browsers reach the server.
    pub(super) public_url: String,
}

impl Storage {
    /// Opens the store and checks that it is usable.
    pub(super) async fn open(settings: &Settings, public_url: String) -> Result<Self> {
        let storage = match &settings.storage {
            StorageSettings::Local { root } => {
                let local =
                    Arc::new(LocalStorage::open(root, &public_url, settings.secret_key.expose())?);
                let objects = Arc::clone(&local) as Arc<dyn ObjectStorage>;
                Self { objects, media: Some(local), public_url }
            }
            StorageSettings::S3 { bucket, region, endpoint } => {
                let s3 = S3Storage::open(S3Settings {
                    bucket: bucket.clone(),
                    region: Some(region.clone()),
                    endpoint_url: endpoint.clone(),
                    spool: settings.data_dir.join("spool"),
                    credentials: S3Credentials::FromEnvironment,
                });
                Self { objects: Arc::new(s3.await?), media: None, public_url }
            }
        };
        storage.objects.check().await.context("the object storage is not usable")?;
        Ok(storage)
    }
}
