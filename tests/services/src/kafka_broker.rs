//! Apache Kafka: one broker, KRaft mode.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rustix::process::Signal;
use tempfile::TempDir;
use uuid::Uuid;

use crate::java::{Service, free_port};
use crate::{from_runner, jars, variables};

const CLUSTER: &str = "anb-test-services-0001";
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A place for a test's records: the shared broker and a topic name that nobody else uses. The topic
/// does not exist yet.
#[derive(Clone, Debug)]
pub struct KafkaTopic {
    /// `host:port`.
    pub brokers: String,
    /// The name.
    pub topic: String,
}

impl KafkaTopic {
    /// The settings of a process whose event log is this topic.
    pub fn settings(&self) -> [(&'static str, &str); 3] {
        [
            ("EVENT_LOG", "kafka"),
            ("KAFKA_BROKERS", self.brokers.as_str()),
            ("KAFKA_TOPIC", self.topic.as_str()),
        ]
    }
}

/// A topic on the shared broker.
///
/// # Panics
/// If there is no shared broker.
pub fn kafka() -> KafkaTopic {
    KafkaTopic { brokers: from_runner(variables::KAFKA_BROKERS), topic: fresh_topic() }
}

/// A topic name that nobody else uses.
pub fn fresh_topic() -> String {
    format!("anb.test.{}", Uuid::new_v4().simple())
}

/// A broker that its owner may kill, freeze and restart; port and data stay.
pub struct OwnKafka {
    folder: TempDir,
    port: u16,
    advertised: u16,
    service: Option<Service>,
}

impl OwnKafka {
    /// Starts a broker with an empty data folder.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start() -> anyhow::Result<Self> {
        let port = free_port()?;
        Self::start_on(port, port)
    }

    /// Starts a broker on `port` that tells its clients to come through another one, that of a proxy
    /// which already leads to it.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_behind(proxy: u16, port: u16) -> anyhow::Result<Self> {
        Self::start_on(port, proxy)
    }

    fn start_on(port: u16, advertised: u16) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("anb-kafka-").tempdir()?;
        let mut broker = Self { folder, port, advertised, service: None };
        broker.format(free_port()?)?;
        broker.restart()?;
        Ok(broker)
    }

    /// `host:port`.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the broker, as a power cut would.
    pub fn kill(&mut self) {
        self.service = None;
    }

    /// Freezes the broker: connections stay, nothing answers.
    pub fn freeze(&self) {
        if let Some(service) = &self.service {
            service.signal(Signal::STOP);
        }
    }

    /// Lets a frozen broker go on.
    pub fn thaw(&self) {
        if let Some(service) = &self.service {
            service.signal(Signal::CONT);
        }
    }

    /// Starts the broker again, killing it first if it runs, and waits until it answers.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill();
        let log = self.folder.path().join("broker.log");
        let arguments = [
            "-Xmx512m".to_owned(),
            format!("-Dlog4j2.configurationFile={}", jars::recipe("log4j2.properties").display()),
            "-cp".to_owned(),
            jars::class_path("kafka")?,
            "kafka.Kafka".to_owned(),
            self.settings().display().to_string(),
        ];
        let mut service = Service::java(&arguments, &log)?;
        service.wait_for_port(self.port, &log)?;
        self.service = Some(service);
        self.wait_for_metadata()
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    fn format(&self, controller_port: u16) -> anyhow::Result<()> {
        let text = fs::read_to_string(jars::recipe("kafka.properties"))?
            .replace("@PORT@", &self.port.to_string())
            .replace("@ADVERTISED_PORT@", &self.advertised.to_string())
            .replace("@CONTROLLER_PORT@", &controller_port.to_string())
            .replace("@DATA@", &self.folder.path().join("data").display().to_string());
        fs::write(self.settings(), text)?;
        let output = Command::new("java")
            .arg("-cp")
            .arg(jars::class_path("kafka")?)
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"])
            .arg(self.settings())
            .output()
            .context("`java` (17 or later) is needed to run Kafka for the tests")?;
        if !output.status.success() {
            bail!("Kafka's storage cannot be made: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// An open port is not yet a broker that knows itself.
    fn wait_for_metadata(&self) -> anyhow::Result<()> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.brokers())
            .set("broker.address.family", "v4")
            .set("group.id", "anb-test-services")
            .set("log_level", "0")
            .create()?;
        let started = Instant::now();
        loop {
            match consumer.fetch_metadata(None, Duration::from_secs(2)) {
                Ok(metadata) if !metadata.brokers().is_empty() => return Ok(()),
                Err(error) if started.elapsed() > START_PATIENCE => {
                    return Err(error).context("the broker does not answer");
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}
