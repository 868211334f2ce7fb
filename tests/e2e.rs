//! The whole system, from outside: the real binary on real services.
//!
//! Every scenario runs on both combinations: `embedded` (the log in Postgres, videos in a folder)
//! and `cluster` (the log in Kafka, videos in S3).

#[cfg(test)]
#[macro_use]
mod e2e {
    #[macro_use]
    mod harness;

    mod browser;
    mod contract;
    mod demo;
    mod erasure;
    mod keys;
    mod kill;
    mod live;
    mod operators;
    mod outage;
    mod pages;
    mod pending;
    mod plays;
    mod poison;
    mod races;
    mod rebuild;
    mod scale_out;
    mod schema;
    mod settings;
    mod story;
    mod sweep;
    mod transcoder;
    mod uploads;
}
