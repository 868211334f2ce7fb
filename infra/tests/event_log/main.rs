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
    gives_back_what_was_appended,
    positions_grow_by_one_within_a_partition,
    records_of_one_stream_keep_their_order,
    many_appenders_at_once_get_a_place_each,
    reads_from_any_offset_on,
    reads_at_most_as_many_as_asked_for,
    a_waiting_reader_wakes_up_at_once,
    a_reader_that_is_interrupted_loses_nothing,
    a_record_too_large_is_refused,
    an_offset_after_the_end_is_reported,
    knows_its_end,
);
