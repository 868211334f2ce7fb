//! Tests of the S3 adapter only.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use futures_util::StreamExt;
use infra::object_storage::{ObjectStorage, StorageError};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use test_services::S3Bucket;

use crate::bodies::{bytes, digest, digest_of, whole};
use crate::fixture::{Store, key, s3_in};
use crate::stalling_proxy::StallingProxy;

const HOUR: Duration = Duration::from_secs(3600);
const MIB: usize = 1024 * 1024;

/// A fresh bucket on the tests' S3 server.
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    client: Client,
}

impl Bucket {
    pub(crate) async fn new() -> Self {
        let S3Bucket { endpoint, bucket: name, region, access_key, secret_key } =
            test_services::s3().await;
        let credentials = Credentials::new(&access_key, &secret_key, None, None, "tests");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&endpoint)
            .region(Region::new(region))
            .credentials_provider(credentials)
            .force_path_style(true)
            .build();
        let client = Client::from_conf(config);
        Self { name, endpoint, access_key, secret_key, client }
    }

    /// Multipart uploads neither completed nor aborted.
    pub(crate) async fn uploads(&self) -> usize {
        let listed = self.client.list_multipart_uploads().bucket(&self.name).send().await.unwrap();
        listed.uploads().len()
    }

    async fn begin_upload(&self, key: &str) {
        let request = self.client.create_multipart_upload().bucket(&self.name).key(key);
        request.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_signed_url_serves_the_object_with_its_type_and_ranges() {
    let store = Store::s3().await;
    for (name, content_type, size) in
        [("v/1.mp4", "video/mp4", 17 * MIB), ("p/1.jpg", "image/jpeg", 5000)]
    {
        let body = bytes(1, size);
        store.put(&key(name), content_type, whole(body.clone())).await.unwrap();
        let url = store.url(&key(name), HOUR).await.unwrap();

        let whole = reqwest::get(&url).await.unwrap();
        assert_eq!(whole.status(), StatusCode::OK);
        assert_eq!(whole.headers()[CONTENT_TYPE], content_type);
        assert_eq!(digest_of(&whole.bytes().await.unwrap()), digest_of(&body));

        let request = reqwest::Client::new().get(&url).header(RANGE, "bytes=1000-1999");
        let part = request.send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers()[CONTENT_RANGE], format!("bytes 1000-1999/{size}"));
        assert_eq!(part.bytes().await.unwrap(), body[1000..2000]);
    }
}

#[tokio::test]
async fn a_forged_url_is_rejected() {
    let store = Store::s3().await;
    for name in ["mine.mp4", "other.mp4"] {
        store.put(&key(name), "video/mp4", whole(bytes(1, 10))).await.unwrap();
    }
    let url = store.url(&key("mine.mp4"), HOUR).await.unwrap();
    assert_eq!(reqwest::get(&url).await.unwrap().status(), StatusCode::OK);
    assert!(url.contains("X-Amz-Expires=3900&"), "{url}");

    let (unsigned, signature) = url.split_once("X-Amz-Signature=").unwrap();
    let turned: String = signature.chars().rev().collect();
    let forged = [
        format!("{unsigned}X-Amz-Signature={turned}"),
        url.replace("mine.mp4", "other.mp4"),
        url.replace("X-Amz-Expires=3900", "X-Amz-Expires=9999"),
        url.split_once('?').unwrap().0.to_owned(),
    ];
    for forged in forged {
        let status = reqwest::get(&forged).await.unwrap().status();
        assert_eq!(status, StatusCode::FORBIDDEN, "{forged}");
    }
}

/// The validity starts up to five minutes in the past and is that much longer.
#[tokio::test]
async fn a_signed_url_is_valid_for_the_whole_hour() {
    let store = Store::s3().await;
    let url = store.url(&key("a.mp4"), HOUR).await.unwrap();

    let stamp = url.split_once("X-Amz-Date=").unwrap().1.split('&').next().unwrap();
    let start = chrono::NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ").unwrap().and_utc();

    let age = chrono::DateTime::<chrono::Utc>::from(SystemTime::now()) - start;
    assert!((0..=301).contains(&age.num_seconds()), "{age}");
    assert_eq!(start.timestamp() % 300, 0);
}

#[tokio::test]
async fn a_put_dropped_between_its_parts_aborts_the_upload() {
    let store = Store::s3().await;
    let bucket = store.bucket();
    let proxy = StallingProxy::start(&bucket.endpoint, "partNumber=2").await;
    let spool = tempfile::tempdir().unwrap();
    let storage = Arc::new(s3_in(bucket, &proxy.endpoint, spool.path()).await);
    let put = tokio::spawn({
        let storage = Arc::clone(&storage);
        async move { storage.put(&key("a.mp4"), "video/mp4", whole(bytes(1, 17 * MIB))).await }
    });
    proxy.stalled().await;
    assert_eq!(bucket.uploads().await, 1, "the upload is under way");

    put.abort();

    assert!(put.await.unwrap_err().is_cancelled());
    store.await_no_leftovers().await;
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);
    assert_eq!(store.listed("").await, []);
}

#[tokio::test]
async fn a_part_that_fails_aborts_the_upload() {
    let store = Store::s3().await;
    let bucket = store.bucket();
    let proxy = StallingProxy::cutting(&bucket.endpoint, "partNumber=2").await;
    let spool = tempfile::tempdir().unwrap();
    let storage = s3_in(bucket, &proxy.endpoint, spool.path()).await;

    let put = storage.put(&key("a.mp4"), "video/mp4", whole(bytes(1, 17 * MIB))).await;

    assert!(matches!(put, Err(StorageError::Unavailable(_))), "{put:?}");
    assert_eq!(store.leftovers().await, 0);
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);
    assert_eq!(store.listed("").await, []);
}

#[tokio::test]
async fn a_truncated_answer_is_an_error() {
    let store = Store::s3().await;
    let body = bytes(1, 3 * MIB);
    store.put(&key("a.mp4"), "video/mp4", whole(body.clone())).await.unwrap();
    let proxy = StallingProxy::truncating(&store.bucket().endpoint, 2 * MIB as u64).await;
    let spool = tempfile::tempdir().unwrap();
    let storage = s3_in(store.bucket(), &proxy.endpoint, spool.path()).await;

    let chunks: Vec<_> = storage.get(&key("a.mp4")).await.unwrap().collect().await;

    let (last, first) = chunks.split_last().unwrap();
    assert!(last.is_err(), "{} chunks", chunks.len());
    let read: Vec<u8> = first.iter().flat_map(|chunk| chunk.as_ref().unwrap().clone()).collect();
    assert!(body.starts_with(&read) && read.len() > MIB, "{} bytes", read.len());
}

#[tokio::test]
async fn a_sweep_aborts_incomplete_uploads() {
    let store = Store::s3().await;
    store.put(&key("kept.mp4"), "video/mp4", whole(bytes(1, 9 * MIB))).await.unwrap();
    store.bucket().begin_upload("a.mp4").await;
    store.bucket().begin_upload("b/c.mp4").await;
    assert_eq!(store.leftovers().await, 2);

    assert_eq!(store.sweep_partial(Duration::ZERO).await.unwrap(), 2);

    assert_eq!(store.leftovers().await, 0);
    assert_eq!(store.sweep_partial(Duration::ZERO).await.unwrap(), 0);
    let kept = digest(store.get(&key("kept.mp4")).await.unwrap()).await;
    assert_eq!(kept, digest_of(&bytes(1, 9 * MIB)));
}

#[tokio::test]
async fn a_server_that_refuses_connections_is_unavailable_within_seconds() {
    let bucket = Bucket::new().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let spool = tempfile::tempdir().unwrap();
    let storage = s3_in(&bucket, &format!("http://{free}"), spool.path()).await;
    let started = Instant::now();

    let unavailable = |what: &str, error: Option<StorageError>| {
        assert!(matches!(error, Some(StorageError::Unavailable(_))), "{what}: {error:?}");
    };
    unavailable("check", storage.check().await.err());
    let put = storage.put(&key("a.mp4"), "video/mp4", whole(bytes(1, 10))).await;
    unavailable("put", put.err());
    let put = storage.put(&key("a.mp4"), "video/mp4", whole(bytes(1, 9 * MIB))).await;
    unavailable("put in parts", put.err());
    unavailable("get", storage.get(&key("a.mp4")).await.err());
    unavailable("delete", storage.delete(&key("a.mp4")).await.err());

    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_ready() {
    let bucket = Bucket::new().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let spool = tempfile::tempdir().unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let storage = s3_in(&bucket, &endpoint, spool.path()).await;
    let started = Instant::now();

    let error = storage.check().await.unwrap_err();

    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_not_ready() {
    let mut bucket = Bucket::new().await;
    bucket.name = "there-is-no-such-bucket".to_owned();
    let spool = tempfile::tempdir().unwrap();
    let storage = s3_in(&bucket, &bucket.endpoint, spool.path()).await;

    let error = storage.check().await.unwrap_err();

    assert!(error.to_string().contains("there-is-no-such-bucket"), "{error}");
    let put = storage.put(&key("a.mp4"), "video/mp4", whole(bytes(1, 10))).await;
    assert!(matches!(put, Err(StorageError::Unavailable(_))), "{put:?}");
}

#[tokio::test]
async fn wrong_credentials_are_not_ready() {
    let mut bucket = Bucket::new().await;
    bucket.secret_key = "wrong".to_owned();
    let spool = tempfile::tempdir().unwrap();
    let storage = s3_in(&bucket, &bucket.endpoint, spool.path()).await;

    let error = storage.check().await.unwrap_err();

    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(!error.to_string().contains("wrong"), "{error}");
}
