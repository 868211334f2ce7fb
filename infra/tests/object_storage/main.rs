//! Contract tests of [`ObjectStorage`] against every adapter: a local folder, and S3 on a real server.
//! Each test in [`contract`] runs once per adapter.

#![expect(clippy::unwrap_used, reason = "what these helpers unwrap is part of the tests")]

mod bodies;
mod contract;
mod fixture;
mod local;
mod s3;
mod stalling_proxy;

/// Generates one test per adapter for each function of [`contract`].
macro_rules! on_every_adapter {
    ($($scenario:ident),+ $(,)?) => {
        mod on_local {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                crate::contract::$scenario(&crate::fixture::Store::local()).await;
            })+
        }
        mod on_s3 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                crate::contract::$scenario(&crate::fixture::Store::s3().await).await;
            })+
        }
    };
}

on_every_adapter!(
    an_object_of_any_size_reads_back,
    a_body_that_fails_leaves_nothing,
    a_dropped_put_leaves_nothing,
    a_failed_overwrite_keeps_the_old_object,
    overwriting_replaces_the_object,
    deleting_is_idempotent,
    delete_all_removes_the_objects_with_a_prefix,
    a_listing_has_the_objects_with_a_prefix,
    a_listing_has_more_than_one_page,
    concurrent_puts_of_one_key_end_with_one_whole_object,
    an_absent_object_is_not_found,
    a_sweep_spares_writes_under_way,
    a_working_store_is_ready,
);
