//! Objects in a bucket of Amazon S3, or of a server that speaks its protocol.
//!
//! The adapter writes a body to a file in the spool folder first, and then sends the file. Parts in memory
//! would cost 8 MiB per upload. A file costs one chunk, and the buffers of its connection while it is sent
//! (about 0.5 MiB). The SDK can repeat a request from any byte. A body that fails never reaches the store.
//!
//! An object of up to 8 MiB is sent in one request, a larger one in parts. So the timeout of a request can
//! be short.

mod errors;
mod multipart;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream as SdkStream;
use aws_sdk_s3::types::Object;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::sync::Semaphore;

use super::partial::{PartialDir, PartialFile};
use super::{ByteStream, EXPIRY_STEP, ObjectInfo, ObjectKey, ObjectStorage, StorageError};
use errors::unavailable;
use multipart::timestamp;

/// The limit of signature version 4 for the validity of a URL.
const MAX_URL_VALIDITY: Duration = Duration::from_secs(7 * 24 * 3600);
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Objects sent at the same time. More would share the same bandwidth, and each costs memory.
const MAX_TRANSFERS: usize = 16;

/// Where the bucket is and how to reach it.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// The bucket; it must exist.
    pub bucket: String,
    /// Its region; from the environment if `None`.
    pub region: Option<String>,
    /// A server other than Amazon's. The bucket is part of the path of its URLs.
    pub endpoint_url: Option<String>,
    /// The folder of bodies being received. It needs room for all uploads under way.
    pub spool: PathBuf,
    /// The credentials of requests.
    pub credentials: S3Credentials,
}

/// The credentials of requests.
#[derive(Clone)]
pub enum S3Credentials {
    /// The default chain of AWS clients: environment variables, profile, container or instance role.
    FromEnvironment,
    /// These.
    Static {
        /// The access key id.
        id: String,
        /// The secret access key.
        secret: String,
    },
}

impl std::fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FromEnvironment => "FromEnvironment",
            Self::Static { .. } => "Static",
        })
    }
}

/// The S3 adapter.
pub struct S3Storage {
    client: Client,
    bucket: String,
    spool: PartialDir,
    transfers: Semaphore,
}

impl S3Storage {
    /// Creates the client without a request. [`ObjectStorage::check`] tells whether the bucket exists.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if no region is known or the spool folder cannot be created.
    pub async fn open(settings: S3Settings) -> Result<Self, StorageError> {
        let shared = sdk_config(&settings).await;
        if shared.region().is_none() {
            let text = "the region of the bucket is not known, set AWS_REGION";
            return Err(StorageError::unavailable(text));
        }
        // Servers other than Amazon's reject the checksums that the SDK adds by default. They do not
        // resolve a bucket as a host name.
        let config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(settings.endpoint_url.is_some())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            bucket: settings.bucket,
            spool: PartialDir::open(settings.spool)?,
            transfers: Semaphore::new(MAX_TRANSFERS),
        })
    }

    async fn put_whole(
        &self,
        key: &ObjectKey,
        content_type: &str,
        file: &PartialFile,
    ) -> Result<(), StorageError> {
        let body = multipart::section(file, 0, file.bytes()).await?;
        let request = self.client.put_object().bucket(&self.bucket).key(key.as_str());
        let sent = request.content_type(content_type).body(body).send().await;
        sent.map(drop).map_err(unavailable("writing an object"))
    }
}

async fn sdk_config(settings: &S3Settings) -> SdkConfig {
    // The largest request is one part of 8 MiB, which takes 30 s at 2.3 Mbit/s.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_secs(100))
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(2));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let S3Credentials::Static { id, secret } = &settings.credentials {
        loader =
            loader.credentials_provider(Credentials::new(id, secret, None, None, "configuration"));
    }
    loader.load().await
}

#[async_trait]
impl ObjectStorage for S3Storage {
    /// A call that is dropped during its last request may still create the object, whole.
    async fn put(
        &self,
        key: &ObjectKey,
        content_type: &str,
        body: ByteStream,
    ) -> Result<u64, StorageError> {
        let file = self.spool.write(body).await?;
        let _turn = self.transfers.acquire().await;
        if file.bytes() <= multipart::PART_BYTES {
            self.put_whole(key, content_type, &file).await?;
        } else {
            multipart::upload(&self.client, &self.bucket, key, content_type, &file).await?;
        }
        Ok(file.bytes())
    }

    async fn get(&self, key: &ObjectKey) -> Result<ByteStream, StorageError> {
        let sent = self.client.get_object().bucket(&self.bucket).key(key.as_str()).send().await;
        match sent {
            Ok(found) => Ok(chunks(found.body)),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => {
                Err(StorageError::NotFound(key.clone()))
            }
            Err(error) => Err(unavailable("reading an object")(error)),
        }
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        let sent = self.client.delete_object().bucket(&self.bucket).key(key.as_str()).send().await;
        sent.map(drop).map_err(unavailable("deleting an object"))
    }

    /// The URL also expires with the credentials, as those of a role do.
    async fn url(&self, key: &ObjectKey, valid_for: Duration) -> Result<String, StorageError> {
        let signing = PresigningConfig::builder()
            .start_time(start_of_step(SystemTime::now()))
            .expires_in(valid_for.saturating_add(EXPIRY_STEP).min(MAX_URL_VALIDITY))
            .build()
            .map_err(StorageError::unavailable)?;
        let request = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let signed = request.presigned(signing).await;
        Ok(signed.map_err(unavailable("signing a URL"))?.uri().to_owned())
    }

    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<ObjectInfo, StorageError>>, StorageError> {
        if !ObjectKey::may_start_with(prefix) {
            return Ok(stream::empty().boxed());
        }
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let pages = stream::unfold(request.into_paginator().send(), |mut pages| async move {
            pages.next().await.map(|page| (page, pages))
        });
        let objects = pages
            .map_err(|error| unavailable("listing objects")(error))
            .map_ok(|page| {
                let found = page.contents.unwrap_or_default().into_iter().filter_map(describe);
                stream::iter(found.map(Ok))
            })
            .try_flatten();
        Ok(objects.boxed())
    }

    async fn sweep_partial(&self, older_than: Duration) -> Result<u64, StorageError> {
        let spooled = self.spool.sweep(older_than).await?;
        Ok(spooled + multipart::sweep(&self.client, &self.bucket, older_than).await?)
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.spool.check().await?;
        let asked = self.client.head_bucket().bucket(&self.bucket).send();
        match tokio::time::timeout(CHECK_TIMEOUT, asked).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                Err(unavailable(&format!("asking for bucket `{}`", self.bucket))(error))
            }
            Err(_) => {
                let seconds = CHECK_TIMEOUT.as_secs();
                Err(StorageError::unavailable(format!("no answer within {seconds} s")))
            }
        }
    }
}

fn chunks(body: SdkStream) -> ByteStream {
    // The stream of a broken body repeats its error for ever; this one ends after the first.
    let next = |body: Option<SdkStream>| async move {
        let mut body = body?;
        match body.next().await? {
            Ok(chunk) => Some((Ok(chunk), Some(body))),
            Err(error) => Some((Err(std::io::Error::other(error)), None)),
        }
    };
    stream::unfold(Some(body), next).boxed()
}

/// `None` for an object of another program whose name is no key of ours.
fn describe(object: Object) -> Option<ObjectInfo> {
    let key = ObjectKey::parse(object.key()?)?;
    let bytes = u64::try_from(object.size()?).ok()?;
    Some(ObjectInfo { key, bytes, modified_at: timestamp(object.last_modified()?)? })
}

fn start_of_step(now: SystemTime) -> SystemTime {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let start = since - since % EXPIRY_STEP.as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(start)
}
