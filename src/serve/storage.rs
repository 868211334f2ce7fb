//! Object storage as the settings say.

use std::sync::Arc;

use anyhow::{Context, Result};
use infra::config::StorageSettings;
use infra::object_storage::ObjectStorage;
use infra::object_storage::local::LocalStorage;
use infra::object_storage::s3::{S3Credentials, S3Settings, S3Storage};

use crate::settings::Settings;

/// A store, and the same once more if it is one whose files the API serves.
pub(super) struct Storage {
    pub(super) objects: Arc<dyn ObjectStorage>,
    pub(super) media: Option<Arc<LocalStorage>>,
    /// How browsers reach us.
    pub(super) public_url: String,
}

impl Storage {
    /// Opens the store and makes sure that it can be used.
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
        storage.objects.check().await.context("videos cannot be stored")?;
        Ok(storage)
    }
}
