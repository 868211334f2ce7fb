//! Apache Kafka with TLS and SASL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::java::{JavaService, free_port};
use crate::kafka_broker::OwnKafka;

/// The user that the broker knows, by SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN.
pub const USERNAME: &str = "anb";
/// The user's password.
pub const PASSWORD: &str = "a-password-of-the-tests";

/// A broker with a listener for SASL over TLS, and one that asks for client certificates.
///
/// The listener for OAUTHBEARER accepts unsigned tokens, as Kafka does without further settings.
pub struct SecureKafka {
    _broker: OwnKafka,
    folder: PathBuf,
    sasl_port: u16,
    mutual_port: u16,
}

impl SecureKafka {
    /// Starts the broker with a new certificate.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn start() -> anyhow::Result<Self> {
        let (sasl_port, mutual_port) = (free_port()?, free_port()?);
        let service = JavaService::new("kafka", free_port()?)?;
        let folder = service.path("");
        for name in ["broker", "client", "stranger"] {
            make_certificate(&folder, name)?;
        }
        let users = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
            .map(|mechanism| format!("{mechanism}=[name={USERNAME},password={PASSWORD}]"));
        let controller = free_port()?;
        let overrides = overrides(&folder, service.port(), controller, sasl_port, mutual_port);
        let broker = OwnKafka::start_with(service, controller, &overrides, &users)?;
        Ok(Self { _broker: broker, folder, sasl_port, mutual_port })
    }

    /// `host:port` of the listener for SASL over TLS.
    pub fn sasl_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.sasl_port)
    }

    /// `host:port` of the listener that asks for a client certificate.
    pub fn mutual_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.mutual_port)
    }

    /// PEM file with the certificate `broker`, `client` or `stranger`. Each is its own authority; nobody
    /// trusts the stranger.
    pub fn certificate(&self, name: &str) -> String {
        self.folder.join(format!("{name}.crt")).display().to_string()
    }

    /// PEM file with the key of that certificate.
    pub fn key(&self, name: &str) -> String {
        self.folder.join(format!("{name}.key")).display().to_string()
    }
}

fn overrides(folder: &Path, port: u16, controller: u16, sasl: u16, mutual: u16) -> String {
    let listeners = format!(
        "PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{sasl},MUTUAL://127.0.0.1:{mutual}"
    );
    let module = "org.apache.kafka.common.security";
    [
        format!("listeners={listeners},CONTROLLER://127.0.0.1:{controller}"),
        format!("advertised.listeners={listeners}"),
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,\
         SECURE:SASL_SSL,MUTUAL:SSL"
            .to_owned(),
        "inter.broker.listener.name=PLAINTEXT".to_owned(),
        "ssl.keystore.type=PEM".to_owned(),
        format!("ssl.keystore.location={}/broker.pem", folder.display()),
        "ssl.truststore.type=PEM".to_owned(),
        format!("ssl.truststore.location={}/client.crt", folder.display()),
        "listener.name.mutual.ssl.client.auth=required".to_owned(),
        "listener.name.secure.sasl.enabled.mechanisms=\
         SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER"
            .to_owned(),
        format!(
            "listener.name.secure.scram-sha-256.sasl.jaas.config=\
             {module}.scram.ScramLoginModule required;"
        ),
        format!(
            "listener.name.secure.scram-sha-512.sasl.jaas.config=\
             {module}.scram.ScramLoginModule required;"
        ),
        format!(
            "listener.name.secure.plain.sasl.jaas.config={module}.plain.PlainLoginModule \
             required user_{USERNAME}=\"{PASSWORD}\";"
        ),
        format!(
            "listener.name.secure.oauthbearer.sasl.jaas.config=\
             {module}.oauthbearer.OAuthBearerLoginModule required \
             unsecuredLoginStringClaim_sub=\"broker\";"
        ),
        String::new(),
    ]
    .join("\n")
}

/// Makes a self-signed certificate for this host: `NAME.key`, `NAME.crt`, and both in `NAME.pem`.
fn make_certificate(folder: &Path, name: &str) -> anyhow::Result<()> {
    let path = |ending: &str| folder.join(format!("{name}.{ending}"));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2"])
        .args(["-subj", &format!("/CN={name}")])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-keyout")
        .arg(path("key"))
        .arg("-out")
        .arg(path("crt"))
        .output()
        .context("`openssl` is needed to make certificates for the tests")?;
    if !output.status.success() {
        bail!("openssl failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let both = fs::read_to_string(path("key"))? + &fs::read_to_string(path("crt"))?;
    fs::write(path("pem"), both)?;
    Ok(())
}
