//! Tests of the local adapter only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use infra::object_storage::local::{LocalStorage, SignedUrlError};
use infra::object_storage::{ObjectKey, ObjectStorage, StorageError, content_type_of};

use crate::bodies::{bytes, whole};
use crate::fixture::{key, local_in};

const HOUR: Duration = Duration::from_secs(3600);

/// The parts of a URL, as the route parses them.
struct Parts {
    key: String,
    expires: u64,
    signature: String,
}

fn parse_url(url: &str) -> Parts {
    let (key, query) = url.strip_prefix("http://anb.test/media/").unwrap().split_once('?').unwrap();
    let (expires, signature) =
        query.strip_prefix("expires=").unwrap().split_once("&signature=").unwrap();
    Parts {
        key: key.to_owned(),
        expires: expires.parse().unwrap(),
        signature: signature.to_owned(),
    }
}

fn verify(store: &LocalStorage, parts: &Parts, after: Duration) -> Result<PathBuf, SignedUrlError> {
    let now = (SystemTime::now() + after).into();
    store.verify(&parts.key, parts.expires, &parts.signature, now)
}

#[tokio::test]
async fn a_signed_url_is_valid_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let store = local_in(folder.path());
    let key = key("videos/1/original.mp4");
    store.put(&key, "video/mp4", whole(bytes(1, 1000))).await.unwrap();

    let parts = parse_url(&store.url(&key, HOUR).await.unwrap());

    for after in [Duration::ZERO, HOUR / 2, HOUR] {
        let path = verify(&store, &parts, after).unwrap();
        assert_eq!(fs::read(path).unwrap(), bytes(1, 1000));
    }
    let late = HOUR + Duration::from_secs(302);
    assert_eq!(verify(&store, &parts, late), Err(SignedUrlError::Expired));
    let at = |seconds: u64| chrono::DateTime::from_timestamp(seconds as i64, 0).unwrap();
    let verify_at =
        |seconds| store.verify(&parts.key, parts.expires, &parts.signature, at(seconds));
    assert!(verify_at(parts.expires - 1).is_ok());
    assert_eq!(verify_at(parts.expires), Err(SignedUrlError::Expired));
    assert_eq!(content_type_of(&key), "video/mp4");
}

#[tokio::test]
async fn an_object_keeps_its_url_within_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let store = local_in(folder.path());
    let url = async || store.url(&key("a.mp4"), HOUR).await.unwrap();

    // Two URLs in a row can differ only if a step ends between them; the next two are then equal.
    let equal = url().await == url().await || url().await == url().await;

    assert!(equal);
    assert_eq!(parse_url(&url().await).expires % 300, 0);
}

#[tokio::test]
async fn a_forged_url_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let store = local_in(folder.path());
    let good = parse_url(&store.url(&key("videos/1.mp4"), HOUR).await.unwrap());
    assert!(verify(&store, &good, Duration::ZERO).is_ok());
    let refused = |key: &str, expires: u64, signature: &str| {
        let now = SystemTime::now().into();
        assert_eq!(
            store.verify(key, expires, signature, now),
            Err(SignedUrlError::Forged),
            "{key} {expires} {signature}"
        );
    };

    refused("videos/2.mp4", good.expires, &good.signature);
    refused(&good.key, good.expires + 300, &good.signature);
    refused(&good.key, 0, &good.signature);
    refused(&good.key, u64::MAX, &good.signature);
    for key in ["", "/etc/passwd", "../partial/x", "videos/../videos/1.mp4", "videos//1.mp4"] {
        refused(key, good.expires, &good.signature);
    }
    for end in 0..good.signature.len() {
        refused(&good.key, good.expires, &good.signature[..end]);
    }
    let padded = format!("{}=", good.signature);
    for signature in [padded.as_str(), "ñ", "%00", "AAAA", &"A".repeat(43), &"A".repeat(10_000)] {
        refused(&good.key, good.expires, signature);
    }
}

#[tokio::test]
async fn a_signature_depends_on_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let url = local_in(folder.path()).url(&key("a.mp4"), HOUR).await.unwrap();
    let other = LocalStorage::open(folder.path(), "http://anb.test", b"another secret").unwrap();

    assert_eq!(verify(&other, &parse_url(&url), Duration::ZERO), Err(SignedUrlError::Forged));
}

#[tokio::test]
async fn files_and_folders_are_readable_by_their_user_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = local_in(folder.path());
    store.put(&key("a/b/c.mp4"), "video/mp4", whole(bytes(1, 10))).await.unwrap();
    let mode =
        |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;

    for private in ["objects", "objects/a", "objects/a/b", "partial"] {
        assert_eq!(mode(private), 0o700, "{private}");
    }
    assert_eq!(mode("objects/a/b/c.mp4"), 0o600);
}

#[tokio::test]
async fn a_key_cannot_be_the_folder_of_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = local_in(folder.path());
    store.put(&key("a/b.mp4"), "video/mp4", whole(bytes(1, 10))).await.unwrap();
    let below = key("a/b.mp4/c.mp4");

    for absent in [&below, &key("a"), &key(&"x".repeat(400))] {
        assert!(matches!(store.get(absent).await, Err(StorageError::NotFound(_))), "{absent}");
        store.delete(absent).await.unwrap();
    }
    assert!(store.list("..").await.unwrap().next().await.is_none());
    let put = store.put(&below, "video/mp4", whole(bytes(1, 10))).await;
    assert!(matches!(put, Err(StorageError::Unavailable(_))), "{put:?}");
    let put = store.put(&key("a"), "video/mp4", whole(bytes(1, 10))).await;
    assert!(matches!(put, Err(StorageError::Unavailable(_))), "{put:?}");

    assert_eq!(fs::read_dir(folder.path().join("partial")).unwrap().count(), 0);
    assert!(store.get(&key("a/b.mp4")).await.is_ok());
}

#[tokio::test]
async fn objects_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    local_in(folder.path()).put(&key("a.mp4"), "video/mp4", whole(bytes(1, 10))).await.unwrap();

    let got = local_in(folder.path()).get(&key("a.mp4")).await;

    assert_eq!(crate::bodies::digest(got.unwrap()).await.0, 10);
}

#[tokio::test]
async fn a_store_without_its_folder_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    let store = local_in(&root);
    fs::remove_dir_all(&root).unwrap();
    fs::write(&root, "no folder").unwrap();

    let put = store.put(&key("a.mp4"), "video/mp4", whole(bytes(1, 10))).await;

    assert!(matches!(put, Err(StorageError::Unavailable(_))), "{put:?}");
    assert!(matches!(store.check().await, Err(StorageError::Unavailable(_))));
    let opened = LocalStorage::open(&root, "http://anb.test", b"secret");
    assert!(matches!(opened.err(), Some(StorageError::Unavailable(_))));
}

#[test]
fn a_path_that_leaves_the_folder_is_no_key() {
    let longest = "x".repeat(512);
    for good in ["a", "a/b.mp4", "..a", "a..b", "A-Z_0.9/x", longest.as_str()] {
        assert!(ObjectKey::parse(good).is_some(), "{good}");
    }
    let too_long = "x".repeat(513);
    let bad = [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/..",
        "a/../b",
        "a/./b",
        "a\\b",
        "a b",
        "a\0b",
        "ñ",
        "a%2Fb",
        "a?b",
        "a#b",
        "~",
        "a:b",
        "a\nb",
        too_long.as_str(),
    ];
    for bad in bad {
        assert!(ObjectKey::parse(bad).is_none(), "{bad:?}");
    }
}
