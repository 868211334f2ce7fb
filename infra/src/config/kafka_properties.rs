//! Properties that an operator passes through to librdkafka.

use super::secret::Secret;
use super::setting_error::SettingError;

/// Properties that have a setting of their own.
const WITH_OWN_SETTING: [(&str, &str); 12] = [
    ("bootstrap.servers", "KAFKA_BROKERS"),
    ("metadata.broker.list", "KAFKA_BROKERS"),
    ("security.protocol", "KAFKA_SECURITY_PROTOCOL"),
    ("sasl.mechanism", "KAFKA_SASL_MECHANISM"),
    ("sasl.mechanisms", "KAFKA_SASL_MECHANISM"),
    ("sasl.username", "KAFKA_SASL_USERNAME"),
    ("sasl.password", "KAFKA_SASL_PASSWORD"),
    ("ssl.ca.location", "KAFKA_SSL_CA_LOCATION"),
    ("ssl.certificate.location", "KAFKA_SSL_CERTIFICATE_LOCATION"),
    ("ssl.key.location", "KAFKA_SSL_KEY_LOCATION"),
    ("ssl.key.password", "KAFKA_SSL_KEY_PASSWORD"),
    ("log_level", "RUST_LOG"),
];

/// Properties that decide whether an event is lost, repeated, reordered or skipped, and those that
/// replace the brokers by simulated ones.
const OWNED_BY_THE_LOG: [&str; 22] = [
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "transactional.id",
    "queuing.strategy",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "message.max.bytes",
    "allow.auto.create.topics",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "auto.offset.reset",
    "auto.commit.enable",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "isolation.level",
    "max.poll.interval.ms",
    "log.queue",
    "test.mock.num.brokers",
    "test.mock.broker.rtt",
];

/// Names and values of properties. `Debug` shows the names only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaProperties(Vec<(String, Secret)>);

impl KafkaProperties {
    /// Parses `name=value` pairs. They are separated by line breaks if there are any, else by
    /// semicolons. So a value with a semicolon needs one pair per line.
    ///
    /// # Errors
    /// A [`SettingError`] that names the property and never shows its value.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let text = text.trim();
        let separator = if text.contains('\n') { '\n' } else { ';' };
        let mut properties = Self::default();
        for pair in text.split(separator).map(str::trim).filter(|pair| !pair.is_empty()) {
            properties.add(pair)?;
        }
        Ok(properties)
    }

    /// The properties in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }

    fn add(&mut self, pair: &str) -> Result<(), SettingError> {
        // A pair without `=` may be a secret: it is not shown.
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| SettingError::new("KAFKA_PROPERTIES: an entry is not name=value"))?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return Err(SettingError::new("KAFKA_PROPERTIES: an entry has no name"));
        }
        if let Some((_, setting)) = WITH_OWN_SETTING.iter().find(|(owned, _)| *owned == name) {
            return Err(SettingError::new(format!(
                "KAFKA_PROPERTIES names `{name}`: set {setting} instead"
            )));
        }
        if OWNED_BY_THE_LOG.contains(&name) {
            return Err(SettingError::new(format!(
                "KAFKA_PROPERTIES names `{name}`, which the event log sets itself: \
                 another value could lose or repeat events"
            )));
        }
        if self.0.iter().any(|(known, _)| known == name) {
            return Err(SettingError::new(format!("KAFKA_PROPERTIES names `{name}` twice")));
        }
        self.0.push((name.to_owned(), Secret::new(value)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let properties = KafkaProperties::parse(text).unwrap();
        properties.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn semicolons_or_line_breaks_separate_properties() {
        assert_eq!(pairs(" "), []);
        assert_eq!(pairs("a=1; b = x=y ;"), [pair("a", "1"), pair("b", "x=y")]);
        assert_eq!(pairs("a=1;2\n\nb=3\n"), [pair("a", "1;2"), pair("b", "3")]);
    }

    #[test]
    fn properties_that_decide_about_events_are_rejected() {
        for name in OWNED_BY_THE_LOG {
            let error = KafkaProperties::parse(&format!("{name}=s3cret")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("KAFKA_PROPERTIES names `{name}`, which")));
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_property_with_its_own_setting_is_rejected() {
        let error = KafkaProperties::parse("sasl.password=s3cret").unwrap_err().to_string();
        assert_eq!(
            error,
            "KAFKA_PROPERTIES names `sasl.password`: set KAFKA_SASL_PASSWORD instead"
        );
    }

    #[test]
    fn what_is_no_pair_is_rejected_and_not_shown() {
        for bad in ["s3cret", "=s3cret", "a=s3cret;a=s3cret"] {
            let error = KafkaProperties::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
