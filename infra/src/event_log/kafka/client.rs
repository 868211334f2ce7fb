//! Settings of the library's clients.

use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;

use crate::config::{KafkaSasl, KafkaSettings};
use crate::event_log::{OpenError, ReadError};

impl KafkaSettings {
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("client.id", "anb")
            // The default of 10 s would delay the reconnection to a restarted broker.
            .set("reconnect.backoff.max.ms", "1000");
        // The settings below win: they decide about the safety of events.
        for (name, value) in self.properties.iter() {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        // A producer's metadata query would create the topic on a stock broker, with one partition
        // and seven days' retention.
        config.set("allow.auto.create.topics", "false");
        self.secure(&mut config);
        config
    }

    fn secure(&self, config: &mut ClientConfig) {
        let security = &self.security;
        config.set(
            "security.protocol",
            match (&security.tls, &security.sasl) {
                (None, None) => "plaintext",
                (Some(_), None) => "ssl",
                (None, Some(_)) => "sasl_plaintext",
                (Some(_), Some(_)) => "sasl_ssl",
            },
        );
        if let Some(tls) = &security.tls {
            if let Some(ca) = &tls.ca {
                config.set("ssl.ca.location", ca);
            }
            if let Some(identity) = &tls.identity {
                config.set("ssl.certificate.location", &identity.certificate);
                config.set("ssl.key.location", &identity.key);
                if let Some(password) = &identity.key_password {
                    config.set("ssl.key.password", password.expose());
                }
            }
        }
        match &security.sasl {
            Some(KafkaSasl::Password { mechanism, username, password }) => {
                config.set("sasl.mechanisms", mechanism.name());
                config.set("sasl.username", username);
                config.set("sasl.password", password.expose());
            }
            Some(KafkaSasl::OauthBearer) => {
                config.set("sasl.mechanisms", "OAUTHBEARER");
            }
            None => {}
        }
    }

    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // The library requires one; nothing is stored under it.
            .set("group.id", "anb-unused")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A missing offset must be reported and never replaced silently.
            .set("auto.offset.reset", "error");
        config
    }
}

/// Checks that the PEM files can be read. The library's own text names neither setting nor file.
pub(super) fn check_files(settings: &KafkaSettings) -> Result<(), OpenError> {
    let Some(tls) = &settings.security.tls else { return Ok(()) };
    let identity = tls.identity.as_ref();
    let files = [
        ("KAFKA_SSL_CA_LOCATION", tls.ca.as_ref()),
        ("KAFKA_SSL_CERTIFICATE_LOCATION", identity.map(|identity| &identity.certificate)),
        ("KAFKA_SSL_KEY_LOCATION", identity.map(|identity| &identity.key)),
    ];
    for (setting, path) in files {
        let Some(path) = path else { continue };
        File::open(path).map_err(|error| {
            OpenError::Misconfigured(format!("{setting}: `{path}` cannot be read: {error}"))
        })?;
    }
    Ok(())
}

/// Why the library creates no client. Its own text would show the value of the property, which may be a
/// secret.
pub(super) fn misconfigured(error: KafkaError) -> OpenError {
    OpenError::Misconfigured(match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            format!("KAFKA_PROPERTIES names `{name}`, which librdkafka does not know")
        }
        KafkaError::ClientConfig(_, _, name, _) => {
            format!("KAFKA_PROPERTIES: librdkafka does not accept the value of `{name}`")
        }
        other => format!("the settings of Kafka are not accepted: {other}"),
    })
}

/// A consumer that reads no records: it asks only for metadata and offsets.
pub(super) type MetadataClient = BaseConsumer<ConnectionErrors>;

/// Logs the library's own messages only at `debug`: the caller that gets an error reports it.
#[derive(Clone, Copy)]
pub(super) struct DebugLog;

impl ClientContext for DebugLog {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "{reason}");
    }
}

impl ConsumerContext for DebugLog {}

/// Remembers why the last connection failed. A call that times out does not tell.
#[derive(Debug, Default)]
pub(super) struct ConnectionErrors(Mutex<Option<ConnectionError>>);

/// Why a connection failed.
#[derive(Clone, Debug)]
pub(super) struct ConnectionError {
    code: Option<RDKafkaErrorCode>,
    pub(super) reason: String,
}

impl ConnectionErrors {
    pub(super) fn take(&self) -> Option<ConnectionError> {
        self.lock().take()
    }

    /// Whether the last connection was refused for its credentials or certificates. To wait is useless.
    pub(super) fn last_is_refusal(&self) -> bool {
        use RDKafkaErrorCode::{Authentication, SSL};
        let code = self.lock().as_ref().and_then(|error| error.code);
        matches!(code, Some(Authentication | SSL))
    }

    fn lock(&self) -> MutexGuard<'_, Option<ConnectionError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for ConnectionErrors {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        DebugLog.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // It follows the error that tells why.
        if code != Some(RDKafkaErrorCode::AllBrokersDown) {
            let failure = ConnectionError { code, reason: reason.to_owned() };
            *self.lock() = Some(failure);
        }
        DebugLog.error(error, reason);
    }
}

impl ConsumerContext for ConnectionErrors {}

/// Hands queued errors and log lines to the context. Without it they would pile up in the client.
pub(super) fn drain_events(client: &MetadataClient) {
    // A log line ends a poll without a timeout, and others may follow it.
    const DRAIN_TIMEOUT: Duration = Duration::from_millis(1);
    while client.poll(DRAIN_TIMEOUT).is_some() {}
}

/// Most calls of the library block.
pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let called = tokio::task::spawn_blocking(call).await;
    called.unwrap_or_else(|error| Err(ReadError::unavailable(error)))
}
