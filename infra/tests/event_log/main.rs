//! The contract of [`EventLog`], held against every adapter: a table in Postgres, and a topic on a
//! real Kafka broker. Each scenario in [`contract`] runs once per adapter; what hurts a service is
//! in [`faults`], on services of its own.

#![expect(clippy::unwrap_used, reason = "what these helpers unwrap is part of the tests")]

mod contract;
mod cutting_proxy;
mod faults;
mod fixture;
mod kafka;
mod postgres;

/// Makes one test per adapter of each scenario.
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
