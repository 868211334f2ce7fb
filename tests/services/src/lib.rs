//! The real services that tests and benchmarks use: PostgreSQL, Apache Kafka, an S3 server.
//!
//! `test-services run COMMAND` starts one of each on free ports, passes their addresses to COMMAND, and
//! removes everything at the end. A test asks for what it needs ([`database`], [`kafka`], [`s3`]). A
//! test that stops a service starts its own ([`OwnPostgres`], [`OwnKafka`], [`OwnS3`]).
//!
//! Not here: a fake, a skip, a default that lets a test pass without its service.

pub mod jars;
pub mod java;
pub mod kafka_broker;
pub mod kafka_cluster;
pub mod postgres;
pub mod s3_server;
pub mod secure_kafka;
pub mod variables;

pub use kafka_broker::{KafkaTopic, OwnKafka, kafka};
pub use kafka_cluster::KafkaCluster;
pub use postgres::{OwnPostgres, database, database_url};
pub use s3_server::{OwnS3, S3Bucket, s3};
pub use secure_kafka::SecureKafka;
