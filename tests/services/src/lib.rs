//! The real services that tests and benchmarks use: PostgreSQL, Apache Kafka, an S3 server.
//!
//! `test-services run COMMAND` starts one of each on free ports, tells COMMAND where they are, and
//! removes everything at the end. Tests ask for what they need ([`database`], [`kafka`], [`s3`]); a
//! test that hurts a service starts its own ([`OwnPostgres`], [`OwnKafka`], [`OwnS3`]).
//!
//! Never in here: a fake, a skip, a default that lets a test pass without its service.

pub mod jars;
pub mod java;
pub mod kafka_broker;
pub mod postgres;
pub mod s3_server;

pub use kafka_broker::{KafkaTopic, OwnKafka, kafka};
pub use postgres::{OwnPostgres, database, database_url};
pub use s3_server::{OwnS3, S3Bucket, s3};

/// Where the shared services are, as the runner tells its command.
pub mod variables {
    /// URL of the Postgres cluster.
    pub const DATABASE_URL: &str = "ANB_TEST_DATABASE_URL";
    /// `host:port` of the Kafka broker.
    pub const KAFKA_BROKERS: &str = "ANB_TEST_KAFKA_BROKERS";
    /// URL of the S3 server.
    pub const S3_ENDPOINT: &str = "ANB_TEST_S3_ENDPOINT";
}

/// A variable that the runner sets.
///
/// # Panics
/// If it is not set: a test never goes without its service.
fn from_runner(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests through `make test`"))
}
