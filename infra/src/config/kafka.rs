//! Settings of Kafka: brokers, topic, TLS, SASL, and properties of the client library.

use super::kafka_properties::KafkaProperties;
use super::secret::Secret;
use super::setting_error::{SettingError, non_empty};

/// The topic unless KAFKA_TOPIC says otherwise.
const DEFAULT_TOPIC: &str = "anb.events.v1";

/// Flags about Kafka.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct KafkaArgs {
    /// Brokers of EVENT_LOG=kafka, as host:port,host:port
    #[arg(long, env, hide_env_values = true)]
    pub kafka_brokers: Option<String>,

    /// Topic of EVENT_LOG=kafka; created if it does not exist [default: anb.events.v1]
    #[arg(long, env, hide_env_values = true)]
    pub kafka_topic: Option<String>,

    /// Connection to the brokers: plaintext, ssl, sasl_plaintext or sasl_ssl [default: plaintext]
    #[arg(long, env, hide_env_values = true)]
    pub kafka_security_protocol: Option<String>,

    /// Authentication of sasl_plaintext and sasl_ssl: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or
    /// OAUTHBEARER, which KAFKA_PROPERTIES completes
    #[arg(long, env, hide_env_values = true)]
    pub kafka_sasl_mechanism: Option<String>,

    /// User of PLAIN and SCRAM
    #[arg(long, env, hide_env_values = true)]
    pub kafka_sasl_username: Option<String>,

    /// Password of PLAIN and SCRAM
    #[arg(long, env, hide_env_values = true)]
    pub kafka_sasl_password: Option<Secret>,

    /// PEM file with the authorities that sign the brokers' certificates [default: the system's]
    #[arg(long, env, hide_env_values = true)]
    pub kafka_ssl_ca_location: Option<String>,

    /// PEM file with this client's certificate, for brokers that ask for one
    #[arg(long, env, hide_env_values = true)]
    pub kafka_ssl_certificate_location: Option<String>,

    /// PEM file with the key of that certificate
    #[arg(long, env, hide_env_values = true)]
    pub kafka_ssl_key_location: Option<String>,

    /// Password of that key, if it has one
    #[arg(long, env, hide_env_values = true)]
    pub kafka_ssl_key_password: Option<Secret>,

    /// Further properties of librdkafka, as name=value;name=value or one per line
    #[arg(long, env, hide_env_values = true)]
    pub kafka_properties: Option<Secret>,

    /// Refuse to start if the loss of one broker could lose an acknowledged event. Otherwise a
    /// warning names what is weak
    #[arg(long, env, hide_env_values = true,
          default_value = "false", num_args = 0..=1, default_missing_value = "true",
          require_equals = true, action = clap::ArgAction::Set)]
    pub require_durable_log: bool,
}

/// Which topic to open, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, joined by commas, as librdkafka takes it.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The number of partitions, at least 1.
    pub partitions: u32,
    /// TLS and SASL.
    pub security: KafkaSecurity,
    /// Further properties of librdkafka.
    pub properties: KafkaProperties,
    /// Whether weak durability is refused.
    pub require_durable: bool,
}

/// How a client authenticates brokers and itself. The default is neither: plaintext.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaSecurity {
    /// TLS, if the connection is encrypted.
    pub tls: Option<KafkaTls>,
    /// SASL, if the client authenticates itself with it.
    pub sasl: Option<KafkaSasl>,
}

/// TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaTls {
    /// PEM file with the authorities; `None` for those of the system.
    pub ca: Option<String>,
    /// The certificate of the client, if it has one.
    pub identity: Option<KafkaIdentity>,
}

/// A client certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaIdentity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The password of the key.
    pub key_password: Option<Secret>,
}

/// SASL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaSasl {
    /// PLAIN or SCRAM.
    Password {
        /// Which of them.
        mechanism: PasswordMechanism,
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// OAUTHBEARER. Its properties are among [`KafkaSettings::properties`].
    OauthBearer,
}

/// A SASL mechanism with user and password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordMechanism {
    /// The broker gets the password itself (RFC 4616).
    Plain,
    /// SCRAM (RFC 5802) with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

impl PasswordMechanism {
    /// Its name in SASL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// A mechanism that is not completed yet.
enum Mechanism {
    Password(PasswordMechanism),
    OauthBearer,
}

impl KafkaSettings {
    /// Settings without encryption, authentication and further properties.
    pub fn plaintext(
        brokers: impl Into<String>,
        topic: impl Into<String>,
        partitions: u32,
    ) -> Self {
        Self {
            brokers: brokers.into(),
            topic: topic.into(),
            partitions,
            security: KafkaSecurity::default(),
            properties: KafkaProperties::default(),
            require_durable: false,
        }
    }
}

impl KafkaArgs {
    /// Checks that the settings belong together.
    ///
    /// # Errors
    /// A [`SettingError`] that names the setting.
    pub(super) fn parse(&self, partitions: u32) -> Result<KafkaSettings, SettingError> {
        let brokers = non_empty(self.kafka_brokers.as_deref())
            .ok_or_else(|| SettingError::missing("KAFKA_BROKERS", "EVENT_LOG=kafka needs it"))?;
        Ok(KafkaSettings {
            brokers: parse_brokers(&brokers)?,
            topic: parse_topic(non_empty(self.kafka_topic.as_deref()))?,
            partitions,
            security: self.security()?,
            properties: KafkaProperties::parse(
                self.kafka_properties.as_ref().map_or("", Secret::expose),
            )?,
            require_durable: self.require_durable_log,
        })
    }

    /// The first setting that has a value and means nothing without Kafka. A topic is no sign of a
    /// mistake: it is the name of the log that this installation would use.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        let brokers = given("KAFKA_BROKERS", self.kafka_brokers.is_some_text());
        let protocol =
            given("KAFKA_SECURITY_PROTOCOL", self.kafka_security_protocol.is_some_text());
        let properties = given("KAFKA_PROPERTIES", self.kafka_properties.is_some_text());
        let durable = given("REQUIRE_DURABLE_LOG", self.require_durable_log);
        brokers
            .or(protocol)
            .or_else(|| self.first_sasl_setting())
            .or_else(|| self.first_tls_setting())
            .or(properties)
            .or(durable)
    }

    fn security(&self) -> Result<KafkaSecurity, SettingError> {
        let protocol = non_empty(self.kafka_security_protocol.as_deref())
            .map_or_else(|| "plaintext".to_owned(), |text| text.to_ascii_lowercase());
        let (encrypts, authenticates) = match protocol.as_str() {
            "plaintext" => (false, false),
            "ssl" => (true, false),
            "sasl_plaintext" => (false, true),
            "sasl_ssl" => (true, true),
            _ => {
                return Err(SettingError::new(format!(
                    "KAFKA_SECURITY_PROTOCOL: `{protocol}` is none of plaintext, ssl, \
                     sasl_plaintext, sasl_ssl"
                )));
            }
        };
        if let (false, Some(setting)) = (encrypts, self.first_tls_setting()) {
            return Err(contradiction(setting, &protocol, "ssl or sasl_ssl"));
        }
        if let (false, Some(setting)) = (authenticates, self.first_sasl_setting()) {
            return Err(contradiction(setting, &protocol, "sasl_ssl or sasl_plaintext"));
        }
        Ok(KafkaSecurity {
            tls: encrypts.then(|| self.tls()).transpose()?,
            sasl: authenticates.then(|| self.sasl()).transpose()?,
        })
    }

    fn tls(&self) -> Result<KafkaTls, SettingError> {
        let certificate = non_empty(self.kafka_ssl_certificate_location.as_deref());
        let key = non_empty(self.kafka_ssl_key_location.as_deref());
        let key_password = self.kafka_ssl_key_password.clone().filter(|text| !text.is_blank());
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Some(KafkaIdentity { certificate, key, key_password })
            }
            (Some(_), None) => {
                return Err(SettingError::missing(
                    "KAFKA_SSL_KEY_LOCATION",
                    "KAFKA_SSL_CERTIFICATE_LOCATION needs it",
                ));
            }
            (None, Some(_)) => {
                return Err(SettingError::missing(
                    "KAFKA_SSL_CERTIFICATE_LOCATION",
                    "KAFKA_SSL_KEY_LOCATION needs it",
                ));
            }
            (None, None) if key_password.is_some() => {
                return Err(SettingError::missing(
                    "KAFKA_SSL_KEY_LOCATION",
                    "KAFKA_SSL_KEY_PASSWORD needs it",
                ));
            }
            (None, None) => None,
        };
        Ok(KafkaTls { ca: non_empty(self.kafka_ssl_ca_location.as_deref()), identity })
    }

    fn sasl(&self) -> Result<KafkaSasl, SettingError> {
        let username = non_empty(self.kafka_sasl_username.as_deref());
        let password = self.kafka_sasl_password.clone().filter(|text| !text.is_blank());
        let mechanism = match self.mechanism()? {
            Mechanism::Password(mechanism) => mechanism,
            Mechanism::OauthBearer if username.is_none() && password.is_none() => {
                return Ok(KafkaSasl::OauthBearer);
            }
            Mechanism::OauthBearer => {
                let setting =
                    if username.is_some() { "KAFKA_SASL_USERNAME" } else { "KAFKA_SASL_PASSWORD" };
                return Err(SettingError::new(format!(
                    "{setting} is set, but KAFKA_SASL_MECHANISM is OAUTHBEARER: \
                     set its credentials in KAFKA_PROPERTIES, or unset {setting}"
                )));
            }
        };
        let needs = format!("KAFKA_SASL_MECHANISM={} needs it", mechanism.name());
        let username =
            username.ok_or_else(|| SettingError::missing("KAFKA_SASL_USERNAME", &needs))?;
        let password =
            password.ok_or_else(|| SettingError::missing("KAFKA_SASL_PASSWORD", &needs))?;
        Ok(KafkaSasl::Password { mechanism, username, password })
    }

    fn mechanism(&self) -> Result<Mechanism, SettingError> {
        let name = non_empty(self.kafka_sasl_mechanism.as_deref()).ok_or_else(|| {
            SettingError::missing("KAFKA_SASL_MECHANISM", "sasl_plaintext and sasl_ssl need it")
        })?;
        let password = [
            PasswordMechanism::Plain,
            PasswordMechanism::ScramSha256,
            PasswordMechanism::ScramSha512,
        ];
        let found = password.into_iter().find(|known| name.eq_ignore_ascii_case(known.name()));
        match found {
            Some(found) => Ok(Mechanism::Password(found)),
            None if name.eq_ignore_ascii_case("OAUTHBEARER") => Ok(Mechanism::OauthBearer),
            None => Err(SettingError::new(format!(
                "KAFKA_SASL_MECHANISM: `{name}` is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, \
                 OAUTHBEARER"
            ))),
        }
    }

    fn first_sasl_setting(&self) -> Option<&'static str> {
        given("KAFKA_SASL_MECHANISM", self.kafka_sasl_mechanism.is_some_text())
            .or(given("KAFKA_SASL_USERNAME", self.kafka_sasl_username.is_some_text()))
            .or(given("KAFKA_SASL_PASSWORD", self.kafka_sasl_password.is_some_text()))
    }

    fn first_tls_setting(&self) -> Option<&'static str> {
        let certificate = self.kafka_ssl_certificate_location.is_some_text();
        given("KAFKA_SSL_CA_LOCATION", self.kafka_ssl_ca_location.is_some_text())
            .or(given("KAFKA_SSL_CERTIFICATE_LOCATION", certificate))
            .or(given("KAFKA_SSL_KEY_LOCATION", self.kafka_ssl_key_location.is_some_text()))
            .or(given("KAFKA_SSL_KEY_PASSWORD", self.kafka_ssl_key_password.is_some_text()))
    }
}

/// Whether an optional setting has a value. An empty one counts as unset.
trait IsSomeText {
    fn is_some_text(&self) -> bool;
}

impl IsSomeText for Option<String> {
    fn is_some_text(&self) -> bool {
        non_empty(self.as_deref()).is_some()
    }
}

impl IsSomeText for Option<Secret> {
    fn is_some_text(&self) -> bool {
        self.as_ref().is_some_and(|secret| !secret.is_blank())
    }
}

fn given(name: &'static str, is_given: bool) -> Option<&'static str> {
    is_given.then_some(name)
}

fn contradiction(setting: &str, protocol: &str, wanted: &str) -> SettingError {
    SettingError::new(format!(
        "{setting} is set, but KAFKA_SECURITY_PROTOCOL is {protocol}: \
         set it to {wanted}, or unset {setting}"
    ))
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
mod tests;
