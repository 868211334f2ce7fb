//! Contract tests of [`EventLog`] against every adapter: a table in Postgres and a topic on a real Kafka
//! broker. Each test in [`contract`] runs once per adapter. Tests in [`faults`] stop or freeze a service
//! and use services of their own.

#![expect(clippy::unwrap_used, reason = "what these helpers unwrap is part of the tests")]

mod contract;
mod cutting_proxy;
mod faults;
mod fixture;
mod kafka;
mod kafka_brokers;
mod kafka_security;
mod postgres;
mod slow_proxy;

/// Generates one test per adapter for each function of [`contract`].
macro_rules! on_every_adapter {
    ($($scenario:ident),+ $(,)?) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                crate::contract::$scenario(crate::fixture::postgres().await).await;
            })+
        }
        mod on_kafka {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                crate::contract::$scenario(crate::fixture::kafka().await).await;
            })+
        }
    };
}

on_every_adapter!(
    a_reader_gets_what_was_appended,
    a_log_keeps_its_identity,
    positions_grow_by_one_within_a_partition,
    records_of_one_stream_keep_their_order,
    concurrent_appends_get_distinct_positions,
    a_reader_starts_at_any_offset,
    a_read_returns_at_most_max_records,
    a_waiting_reader_wakes_up_at_once,
    a_dropped_read_loses_no_record,
    a_record_that_is_too_large_is_rejected,
    an_offset_after_the_end_is_reported,
    end_offsets_count_the_records,
);
