//! Settings of the event log.

use super::kafka::{KafkaArgs, KafkaSettings};
use super::setting_error::SettingError;

/// Flags about the event log.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Event log")]
pub struct EventLogArgs {
    /// Where events are kept
    #[arg(long, env, hide_env_values = true, default_value = "postgres")]
    pub event_log: EventLogKind,

    /// Flags about Kafka.
    #[command(flatten)]
    pub kafka: KafkaArgs,

    /// Partitions of the log. It is made with so many, and the number cannot change later
    #[arg(long, env, hide_env_values = true, default_value = "8",
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub log_partitions: u32,
}

/// The value of EVENT_LOG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum EventLogKind {
    /// A table of the database: needs nothing else
    Postgres,
    /// Apache Kafka
    Kafka,
}

/// Which log to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventLogSettings {
    /// In the database.
    Postgres {
        /// How many partitions, at least 1.
        partitions: u32,
    },
    /// In Kafka.
    Kafka(Box<KafkaSettings>),
}

impl EventLogSettings {
    /// How many partitions the log has, at least 1.
    pub fn partitions(&self) -> u32 {
        match self {
            Self::Postgres { partitions } => *partitions,
            Self::Kafka(kafka) => kafka.partitions,
        }
    }

    /// Brokers and topic of a log in Kafka.
    pub fn place(&self) -> Option<(&str, &str)> {
        match self {
            Self::Postgres { .. } => None,
            Self::Kafka(kafka) => Some((&kafka.brokers, &kafka.topic)),
        }
    }
}

impl EventLogArgs {
    /// Checks that the settings belong together.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub fn parse(&self) -> Result<EventLogSettings, SettingError> {
        let partitions = self.log_partitions;
        match (self.event_log, self.kafka.first_given()) {
            (EventLogKind::Postgres, None) => Ok(EventLogSettings::Postgres { partitions }),
            (EventLogKind::Postgres, Some(setting)) => Err(SettingError::new(format!(
                "{setting} is set, but EVENT_LOG is postgres: set EVENT_LOG=kafka, or unset {setting}"
            ))),
            (EventLogKind::Kafka, _) => {
                Ok(EventLogSettings::Kafka(Box::new(self.kafka.parse(partitions)?)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(kind: EventLogKind, kafka: KafkaArgs) -> EventLogArgs {
        EventLogArgs { event_log: kind, kafka, log_partitions: 8 }
    }

    fn brokers() -> KafkaArgs {
        KafkaArgs { kafka_brokers: Some("localhost:9092".to_owned()), ..KafkaArgs::default() }
    }

    #[test]
    fn kafka_settings_without_kafka_are_a_contradiction() {
        let error = args(EventLogKind::Postgres, brokers()).parse().unwrap_err().to_string();
        assert!(error.starts_with("KAFKA_BROKERS is set, but EVENT_LOG is postgres"), "{error}");
        let durable = KafkaArgs { require_durable_log: true, ..KafkaArgs::default() };
        let error = args(EventLogKind::Postgres, durable).parse().unwrap_err().to_string();
        assert!(error.starts_with("REQUIRE_DURABLE_LOG is set, but EVENT_LOG"), "{error}");
    }

    #[test]
    fn each_kind_gets_its_settings() {
        let postgres = args(EventLogKind::Postgres, KafkaArgs::default()).parse();
        assert_eq!(postgres, Ok(EventLogSettings::Postgres { partitions: 8 }));
        let kafka = args(EventLogKind::Kafka, brokers()).parse();
        let wanted = KafkaSettings::plaintext("localhost:9092", "anb.events.v1", 8);
        assert_eq!(kafka, Ok(EventLogSettings::Kafka(Box::new(wanted))));
    }
}
