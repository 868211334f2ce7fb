//! Multipart uploads: created, sent part by part, completed; aborted on any error.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream as SdkStream, DateTime, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use domain::Timestamp;

use super::errors::unavailable;
use crate::object_storage::partial::PartialFile;
use crate::object_storage::{ObjectKey, StorageError};

/// The size of a part; the last one is smaller. The protocol requires at least 5 MiB.
pub(super) const PART_BYTES: u64 = 8 * 1024 * 1024;
/// The limit of the protocol.
const MAX_PARTS: u64 = 10_000;

/// Uploads `file` in parts. The object appears with the last request or not at all.
pub(super) async fn upload(
    client: &Client,
    bucket: &str,
    key: &ObjectKey,
    content_type: &str,
    file: &PartialFile,
) -> Result<(), StorageError> {
    let request = client.create_multipart_upload().bucket(bucket).key(key.as_str());
    let begun = request.content_type(content_type).send().await;
    let begun = begun.map_err(unavailable("beginning an upload"))?;
    let Some(upload_id) = begun.upload_id else {
        return Err(StorageError::unavailable("beginning an upload: the answer has no upload id"));
    };
    let (client, bucket, key) = (client.clone(), bucket.to_owned(), key.to_string());
    let id = UploadId { client, bucket, key, upload_id };
    let mut upload = Upload { id, ended: false };
    let sent = upload.send(file).await;
    if sent.is_err() {
        upload.id.abort().await;
    }
    upload.ended = true;
    sent
}

/// A body of `length` bytes of the file from `offset` on. It is read while it is sent, and again if the
/// request is repeated.
pub(super) async fn section(
    file: &PartialFile,
    offset: u64,
    length: u64,
) -> Result<SdkStream, StorageError> {
    let section =
        SdkStream::read_from().path(file.path()).offset(offset).length(Length::Exact(length));
    section.build().await.map_err(StorageError::unavailable)
}

/// Aborts uploads that began longer than `older_than` ago. Returns how many.
pub(super) async fn sweep(
    client: &Client,
    bucket: &str,
    older_than: Duration,
) -> Result<u64, StorageError> {
    let mut aborted = 0;
    let mut marker = (None, None);
    loop {
        let request = client.list_multipart_uploads().bucket(bucket);
        let request = request.set_key_marker(marker.0).set_upload_id_marker(marker.1);
        let page = request.send().await.map_err(unavailable("listing uploads"))?;
        for upload in page.uploads.unwrap_or_default() {
            let (Some(key), Some(upload_id)) = (upload.key, upload.upload_id) else { continue };
            let begun = upload.initiated.as_ref().and_then(timestamp);
            let old = begun.is_some_and(|begun| is_older(begun, SystemTime::now(), older_than));
            // Uploads of other programs stay.
            if !old || ObjectKey::parse(&key).is_none() {
                continue;
            }
            let (client, bucket) = (client.clone(), bucket.to_owned());
            let id = UploadId { client, bucket, key, upload_id };
            aborted += u64::from(id.abort().await);
        }
        if page.is_truncated != Some(true) {
            return Ok(aborted);
        }
        marker = (page.next_key_marker, page.next_upload_id_marker);
    }
}

/// A time of the SDK as one of ours.
pub(super) fn timestamp(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_timestamp(at.secs(), at.subsec_nanos())
}

/// An upload that seems to begin in the future, by the clock of another machine, has age 0.
fn is_older(begun: Timestamp, now: SystemTime, than: Duration) -> bool {
    now.duration_since(begun.into()).unwrap_or_default() >= than
}

/// An upload under way. If it is dropped before it has ended, a task aborts it.
struct Upload {
    id: UploadId,
    ended: bool,
}

/// An upload, as the requests about it name it.
#[derive(Clone)]
struct UploadId {
    client: Client,
    bucket: String,
    key: String,
    upload_id: String,
}

impl Upload {
    async fn send(&self, file: &PartialFile) -> Result<(), StorageError> {
        let part_bytes = PART_BYTES.max(file.bytes().div_ceil(MAX_PARTS));
        let mut parts = Vec::new();
        let mut offset = 0;
        for number in 1.. {
            let length = part_bytes.min(file.bytes() - offset);
            let body = section(file, offset, length).await?;
            parts.push(self.id.send_part(number, body).await?);
            offset += length;
            if offset == file.bytes() {
                break;
            }
        }
        self.id.complete(parts).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Without a runtime the process is ending. The sweep of a later process finds the upload.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let id = self.id.clone();
            runtime.spawn(async move { id.abort().await });
        }
    }
}

impl UploadId {
    async fn send_part(&self, number: i32, body: SdkStream) -> Result<CompletedPart, StorageError> {
        let request = self.client.upload_part().bucket(&self.bucket).key(&self.key);
        let sent = request.upload_id(&self.upload_id).part_number(number).body(body).send().await;
        let sent = sent.map_err(unavailable("sending a part"))?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }

    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<(), StorageError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(&self.key);
        let sent = request.upload_id(&self.upload_id).multipart_upload(parts).send().await;
        sent.map(drop).map_err(unavailable("completing an upload"))
    }

    /// Aborts the upload. Returns whether it existed and is gone; the sweep tries the others again.
    async fn abort(&self) -> bool {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key);
        match request.upload_id(&self.upload_id).send().await {
            Ok(_) => true,
            Err(error) => {
                let error = unavailable("aborting an upload")(error);
                tracing::warn!(%error, key = %self.key, "the upload cannot be aborted and is left to the sweep");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uploads_older_than_the_limit_are_swept() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let older =
            |begun, now, than| is_older(at(begun).into(), at(now), Duration::from_secs(than));

        assert!(older(1_000, 4_600, 3_600));
        assert!(!older(1_000, 4_599, 3_600));
        assert!(older(1_000, 1_000, 0));
        assert!(older(1_001, 1_000, 0), "a clock ahead");
        assert!(!older(1_001, 1_000, 1), "a clock ahead");
    }
}
