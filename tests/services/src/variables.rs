//! The addresses of the shared services, as the runner passes them to its command.

/// URL of the Postgres cluster.
pub const DATABASE_URL: &str = "ANB_TEST_DATABASE_URL";
/// `host:port` of the Kafka broker.
pub const KAFKA_BROKERS: &str = "ANB_TEST_KAFKA_BROKERS";
/// URL of the S3 server.
pub const S3_ENDPOINT: &str = "ANB_TEST_S3_ENDPOINT";

/// The value of a variable that the runner sets.
///
/// # Panics
/// If it is not set: a test never runs without its service.
pub(crate) fn from_runner(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests through `make test`"))
}
