//! Settings of the event log.

use super::setting_error::{SettingError, non_empty};

/// The topic unless KAFKA_TOPIC says otherwise.
const DEFAULT_TOPIC: &str = "anb.events.v1";

/// Flags about the event log.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Event log")]
pub struct EventLogArgs {
    /// Where events are kept
    #[arg(long, env, hide_env_values = true, default_value = "postgres")]
    pub event_log: EventLogKind,

    /// Brokers of EVENT_LOG=kafka, as host:port,host:port
    #[arg(long, env, hide_env_values = true)]
    pub kafka_brokers: Option<String>,

    /// Topic of EVENT_LOG=kafka; created if it does not exist [default: anb.events.v1]
    #[arg(long, env, hide_env_values = true)]
    pub kafka_topic: Option<String>,

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
    Kafka {
        /// `host:port`, joined by commas, as librdkafka takes it.
        brokers: String,
        /// The topic.
        topic: String,
        /// How many partitions, at least 1.
        partitions: u32,
    },
}

impl EventLogSettings {
    /// How many partitions the log has, at least 1.
    pub fn partitions(&self) -> u32 {
        match self {
            Self::Postgres { partitions } | Self::Kafka { partitions, .. } => *partitions,
        }
    }

    /// Brokers and topic of a log in Kafka.
    pub fn place(&self) -> Option<(&str, &str)> {
        match self {
            Self::Postgres { .. } => None,
            Self::Kafka { brokers, topic, .. } => Some((brokers, topic)),
        }
    }
}

impl EventLogArgs {
    /// Checks that the settings belong together.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub fn parse(&self) -> Result<EventLogSettings, SettingError> {
        let brokers = non_empty(self.kafka_brokers.as_deref());
        let partitions = self.log_partitions;
        match (self.event_log, brokers) {
            (EventLogKind::Postgres, None) => Ok(EventLogSettings::Postgres { partitions }),
            (EventLogKind::Postgres, Some(_)) => Err(SettingError::new(
                "KAFKA_BROKERS is set, but EVENT_LOG is postgres: set EVENT_LOG=kafka, or unset KAFKA_BROKERS",
            )),
            (EventLogKind::Kafka, None) => {
                Err(SettingError::missing("KAFKA_BROKERS", "EVENT_LOG=kafka needs it"))
            }
            (EventLogKind::Kafka, Some(brokers)) => Ok(EventLogSettings::Kafka {
                brokers: parse_brokers(&brokers)?,
                topic: parse_topic(non_empty(self.kafka_topic.as_deref()))?,
                partitions,
            }),
        }
    }
}

fn parse_brokers(text: &str) -> Result<String, SettingError> {
    let brokers: Vec<&str> = text.split(',').map(str::trim).filter(|b| !b.is_empty()).collect();
    let is_valid = |broker: &str| {
        let Some((host, port)) = broker.rsplit_once(':') else { return false };
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    match brokers.iter().find(|broker| !is_valid(broker)) {
        Some(broker) => {
            Err(SettingError::new(format!("KAFKA_BROKERS: `{broker}` is not host:port")))
        }
        None if brokers.is_empty() => {
            Err(SettingError::new(format!("KAFKA_BROKERS: `{text}` names no broker")))
        }
        None => Ok(brokers.join(",")),
    }
}

/// Kafka's own rule: at most 249 of `[A-Za-z0-9._-]`, not `.` or `..`
/// (`org.apache.kafka.common.internals.Topic#validate`).
fn parse_topic(topic: Option<String>) -> Result<String, SettingError> {
    let topic = topic.unwrap_or_else(|| DEFAULT_TOPIC.to_owned());
    let is_valid = topic.len() <= 249
        && !matches!(topic.as_str(), "." | "..")
        && topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if is_valid {
        Ok(topic)
    } else {
        Err(SettingError::new(format!("KAFKA_TOPIC: `{topic}` is no name for a topic")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(kind: EventLogKind, brokers: Option<&str>) -> EventLogArgs {
        EventLogArgs {
            event_log: kind,
            kafka_brokers: brokers.map(str::to_owned),
            kafka_topic: None,
            log_partitions: 8,
        }
    }

    fn mistake(args: &EventLogArgs) -> String {
        args.parse().unwrap_err().to_string()
    }

    #[test]
    fn kafka_needs_brokers() {
        let wanted = "KAFKA_BROKERS is not set: EVENT_LOG=kafka needs it";
        assert_eq!(mistake(&args(EventLogKind::Kafka, None)), wanted);
        assert_eq!(mistake(&args(EventLogKind::Kafka, Some(" "))), wanted);
    }

    #[test]
    fn brokers_without_kafka_are_a_contradiction() {
        let error = mistake(&args(EventLogKind::Postgres, Some("localhost:9092")));
        assert!(error.starts_with("KAFKA_BROKERS is set, but EVENT_LOG is postgres"), "{error}");
    }

    #[test]
    fn brokers_are_host_and_port() {
        for bad in ["localhost", "localhost:", ":9092", "a:1,b", "a:0", "a:70000"] {
            let error = mistake(&args(EventLogKind::Kafka, Some(bad)));
            assert!(error.starts_with("KAFKA_BROKERS: "), "{bad}: {error}");
        }
        let parsed = args(EventLogKind::Kafka, Some("a:1, [::1]:2,")).parse();
        let wanted = EventLogSettings::Kafka {
            brokers: "a:1,[::1]:2".to_owned(),
            topic: DEFAULT_TOPIC.to_owned(),
            partitions: 8,
        };
        assert_eq!(parsed, Ok(wanted));
    }

    #[test]
    fn a_topic_must_have_a_name_that_kafka_accepts() {
        let mut kafka = args(EventLogKind::Kafka, Some("a:1"));
        for bad in ["..", "a b", "ñ"] {
            kafka.kafka_topic = Some(bad.to_owned());
            assert_eq!(mistake(&kafka), format!("KAFKA_TOPIC: `{bad}` is no name for a topic"));
        }
    }
}
