//! Tests that every adapter passes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::TryStreamExt;
use infra::object_storage::StorageError;

use crate::bodies::{self, broken_after, digest, digest_of, silent_after, whole};
use crate::fixture::{Store, key};

const MIB: usize = 1024 * 1024;

pub(crate) async fn an_object_of_any_size_reads_back(store: &Store) {
    let sizes = [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 8 * MIB, 8 * MIB + 1, 17 * MIB];
    for (seed, size) in sizes.into_iter().enumerate() {
        let key = key(&format!("round/trip-{size}.mp4"));
        let body = bodies::bytes(seed as u64, size);

        let written = store.put(&key, "video/mp4", whole(body.clone())).await.unwrap();

        assert_eq!(written, size as u64);
        let read = digest(store.get(&key).await.unwrap()).await;
        assert_eq!(read, digest_of(&body), "{size} bytes");
        assert_eq!(store.listed(key.as_str()).await, [(key.to_string(), size as u64)]);
    }
    assert_eq!(store.leftovers().await, 0);
}

pub(crate) async fn a_body_that_fails_leaves_nothing(store: &Store) {
    for size in [0, 1, 3 * MIB, 17 * MIB] {
        let key = key(&format!("broken/{size}.mp4"));

        let put = store.put(&key, "video/mp4", broken_after(bodies::bytes(1, size))).await;

        match put.unwrap_err() {
            StorageError::Body(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(store.get(&key).await, Err(StorageError::NotFound(k)) if k == key));
    }
    assert_eq!(store.listed("").await, []);
    assert_eq!(store.leftovers().await, 0);
}

pub(crate) async fn a_dropped_put_leaves_nothing(store: &Store) {
    for size in [0, 3 * MIB, 17 * MIB] {
        let key = key(&format!("dropped/{size}.mp4"));
        let (body, silent) = silent_after(bodies::bytes(2, size));
        let put = tokio::spawn({
            let (storage, key) = (Arc::clone(&store.storage), key.clone());
            async move { storage.put(&key, "video/mp4", body).await }
        });
        silent.await.unwrap();
        assert_eq!(store.leftovers().await, 1, "the write is under way");

        put.abort();

        assert!(put.await.unwrap_err().is_cancelled());
        store.await_no_leftovers().await;
        assert!(matches!(store.get(&key).await, Err(StorageError::NotFound(_))));
    }
    assert_eq!(store.listed("").await, []);
}

pub(crate) async fn a_failed_overwrite_keeps_the_old_object(store: &Store) {
    let (key, old) = (key("a/b.mp4"), bodies::bytes(3, MIB));
    store.put(&key, "video/mp4", whole(old.clone())).await.unwrap();

    let put = store.put(&key, "video/mp4", broken_after(bodies::bytes(4, 9 * MIB))).await;

    assert!(matches!(put, Err(StorageError::Body(_))));
    assert_eq!(digest(store.get(&key).await.unwrap()).await, digest_of(&old));
}

pub(crate) async fn overwriting_replaces_the_object(store: &Store) {
    let key = key("a/b.mp4");
    for size in [9 * MIB, 10, 0, MIB] {
        let body = bodies::bytes(size as u64, size);
        store.put(&key, "video/mp4", whole(body.clone())).await.unwrap();
        assert_eq!(digest(store.get(&key).await.unwrap()).await, digest_of(&body));
    }
    assert_eq!(store.listed("").await, [("a/b.mp4".to_owned(), MIB as u64)]);
}

pub(crate) async fn deleting_is_idempotent(store: &Store) {
    let (gone, kept) = (key("v/gone.mp4"), key("v/kept.mp4"));
    for key in [&gone, &kept] {
        store.put(key, "video/mp4", whole(bodies::bytes(5, 10))).await.unwrap();
    }

    store.delete(&gone).await.unwrap();
    store.delete(&gone).await.unwrap();
    store.delete(&key("never/was.mp4")).await.unwrap();

    assert!(matches!(store.get(&gone).await, Err(StorageError::NotFound(_))));
    assert_eq!(store.listed("").await, [("v/kept.mp4".to_owned(), 10)]);
}

pub(crate) async fn delete_all_removes_the_objects_with_a_prefix(store: &Store) {
    for name in ["hls/1/master.m3u8", "hls/1/480p.mp4", "hls/12/master.m3u8", "processed/1.mp4"] {
        store.put(&key(name), "video/mp4", whole(bodies::bytes(1, 10))).await.unwrap();
    }
    store.delete_all("hls/1/").await.unwrap();
    store.delete_all("hls/9/").await.unwrap();
    let left: Vec<String> = store.listed("").await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["hls/12/master.m3u8", "processed/1.mp4"]);
}

pub(crate) async fn a_listing_has_the_objects_with_a_prefix(store: &Store) {
    for (size, text) in ["a/1.mp4", "a/12.mp4", "a/b/3.mp4", "ab/4.mp4", "c.mp4"].iter().enumerate()
    {
        store.put(&key(text), "video/mp4", whole(bodies::bytes(6, size))).await.unwrap();
    }
    let keys = async |prefix| -> Vec<String> {
        store.listed(prefix).await.into_iter().map(|(key, _)| key).collect()
    };

    assert_eq!(keys("").await, ["a/1.mp4", "a/12.mp4", "a/b/3.mp4", "ab/4.mp4", "c.mp4"]);
    assert_eq!(keys("a").await, ["a/1.mp4", "a/12.mp4", "a/b/3.mp4", "ab/4.mp4"]);
    assert_eq!(keys("a/").await, ["a/1.mp4", "a/12.mp4", "a/b/3.mp4"]);
    assert_eq!(keys("a/1").await, ["a/1.mp4", "a/12.mp4"]);
    assert_eq!(keys("a/b/3.mp4").await, ["a/b/3.mp4"]);
    assert_eq!(keys("a/b/3.mp4x").await, Vec::<String>::new());
    for nothing in ["z", "z/", "../", "a/../", "/", "a//", "./", "a/1.mp4?", "ñ"] {
        assert_eq!(keys(nothing).await, Vec::<String>::new(), "{nothing}");
    }

    let listed: Vec<_> = store.list("c").await.unwrap().try_collect().await.unwrap();
    let age = chrono::DateTime::from(std::time::SystemTime::now()) - listed[0].modified_at;
    assert!(age.num_seconds().abs() < 60, "{age}");
}

/// A page of S3 has 1,000 objects.
pub(crate) async fn a_listing_has_more_than_one_page(store: &Store) {
    const COUNT: usize = 1_005;
    let key_of = |i: usize| key(&format!("many/{i:05}.bin"));
    for batch in (0..COUNT).collect::<Vec<_>>().chunks(32) {
        let puts = batch.iter().map(|&i| async move {
            store.put(&key_of(i), "video/mp4", whole(bodies::bytes(7, 1))).await.unwrap();
        });
        join_all(puts).await;
    }

    let listed = store.listed("many/").await;

    let expected: Vec<_> = (0..COUNT).map(|i| (key_of(i).to_string(), 1)).collect();
    assert_eq!(listed, expected);
}

pub(crate) async fn concurrent_puts_of_one_key_end_with_one_whole_object(store: &Store) {
    let key = key("contested/new/folder.mp4");
    let bodies: Vec<_> = (0..8).map(|i| bodies::bytes(i, 9 * MIB + i as usize)).collect();

    let puts = bodies.iter().map(|body| store.put(&key, "video/mp4", whole(body.clone())));
    for put in join_all(puts).await {
        put.unwrap();
    }

    let read = digest(store.get(&key).await.unwrap()).await;
    assert!(bodies.iter().any(|body| digest_of(body) == read), "{read:?}");
    assert_eq!(store.listed("").await, [(key.to_string(), read.0 as u64)]);
    assert_eq!(store.leftovers().await, 0);
}

pub(crate) async fn an_absent_object_is_not_found(store: &Store) {
    store.put(&key("a/b.mp4"), "video/mp4", whole(bodies::bytes(8, 1))).await.unwrap();

    for absent in ["nothing.mp4", "a", "a/b", "A/B.mp4"] {
        let got = store.get(&key(absent)).await;
        assert!(
            matches!(&got, Err(StorageError::NotFound(k)) if k.as_str() == absent),
            "{absent}: {:?}",
            got.err(),
        );
    }
}

pub(crate) async fn a_sweep_spares_writes_under_way(store: &Store) {
    let key = key("slow.mp4");
    let (body, silent) = silent_after(bodies::bytes(9, MIB));
    let put = tokio::spawn({
        let (storage, key) = (Arc::clone(&store.storage), key.clone());
        async move { storage.put(&key, "video/mp4", body).await }
    });
    silent.await.unwrap();

    assert_eq!(store.sweep_partial(Duration::from_secs(3600)).await.unwrap(), 0);
    assert_eq!(store.leftovers().await, 1);

    // With an age of 0 every write counts as interrupted.
    assert_eq!(store.sweep_partial(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(store.leftovers().await, 0);
    put.abort();
}

pub(crate) async fn a_working_store_is_ready(store: &Store) {
    store.check().await.unwrap();
    assert_eq!(store.leftovers().await, 0);
}
