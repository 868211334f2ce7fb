//! End-to-end tests: the real binary on real services.
//!
//! Most tests run on both backends: `embedded` (the log in Postgres, videos in a folder) and
//! `cluster` (the log in Kafka, videos in S3).

#[cfg(test)]
#[macro_use]
mod e2e {
    #[macro_use]
    mod harness;

    mod backup_restore;
    mod browser;
    mod contest_journey;
    mod contract;
    mod database_changes;
    mod dead_letters;
    mod demo_data;
    mod erasure;
    mod html_pages;
    mod idempotency_keys;
    mod log_identity;
    mod moving_the_log;
    mod operator_role;
    mod pending_commands;
    mod playback;
    mod races;
    mod ranking_stream;
    mod rebuild;
    mod scale_out;
    mod schema;
    mod server_crashes;
    mod service_outages;
    mod settings;
    mod sweep;
    mod transcoder;
    mod uploads;
}
