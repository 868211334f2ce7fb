//! Apache Kafka: one broker in KRaft mode.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use uuid::Uuid;

use crate::jars;
use crate::java::{JavaService, START_TIMEOUT, free_port};
use crate::variables::{self, from_runner};

const CLUSTER: &str = "anb-test-services-0001";

/// A topic name of one test, on the shared broker. The topic does not exist yet.
#[derive(Clone, Debug)]
pub struct KafkaTopic {
    /// `host:port`.
    pub brokers: String,
    /// The topic's name.
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

/// A new topic name on the shared broker.
///
/// # Panics
/// If the runner has started no broker.
pub fn kafka() -> KafkaTopic {
    KafkaTopic { brokers: from_runner(variables::KAFKA_BROKERS), topic: fresh_topic() }
}

/// A random topic name.
pub fn fresh_topic() -> String {
    format!("anb.test.{}", Uuid::new_v4().simple())
}

/// A broker of one test, which may kill, freeze and restart it. Port and data survive a restart.
pub struct OwnKafka {
    service: JavaService,
}

impl OwnKafka {
    /// Starts a broker with an empty data folder.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn start() -> anyhow::Result<Self> {
        let port = free_port()?;
        Self::start_behind(port, port)
    }

    /// Starts a broker on `port` that sends its clients to the proxy on `advertised_port`.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn start_behind(advertised_port: u16, port: u16) -> anyhow::Result<Self> {
        let advertised = format!("advertised.listeners=PLAINTEXT://127.0.0.1:{advertised_port}\n");
        Self::start_with(JavaService::new("kafka", port)?, free_port()?, &advertised, &[])
    }

    /// Starts a broker: see [`Self::formatted`].
    pub(crate) fn start_with(
        service: JavaService,
        controller_port: u16,
        overrides: &str,
        users: &[String],
    ) -> anyhow::Result<Self> {
        let mut broker = Self::formatted(service, controller_port, overrides, users)?;
        broker.restart()?;
        Ok(broker)
    }

    /// A broker that does not run yet. Its `overrides` come after the lines of `kafka.properties`. Each
    /// of `users` is the argument of one `--add-scram`.
    pub(crate) fn formatted(
        service: JavaService,
        controller_port: u16,
        overrides: &str,
        users: &[String],
    ) -> anyhow::Result<Self> {
        let broker = Self { service };
        broker.format(controller_port, overrides, users)?;
        Ok(broker)
    }

    /// `host:port`.
    pub fn brokers(&self) -> String {
        self.service.address()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.service.port()
    }

    /// Kills the broker, as a power cut would.
    pub fn kill(&mut self) {
        self.service.kill();
    }

    /// Freezes the broker: its connections stay open, but nothing answers.
    pub fn freeze(&self) {
        self.service.freeze();
    }

    /// Continues a frozen broker.
    pub fn thaw(&self) {
        self.service.thaw();
    }

    /// Kills the broker, starts it again, and waits until it answers.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.service.restart(&[
            "-Xmx512m".to_owned(),
            format!("-Dlog4j2.configurationFile={}", jars::recipe("log4j2.properties").display()),
            "kafka.Kafka".to_owned(),
            self.settings().display().to_string(),
        ])?;
        self.wait_for_brokers(1)
    }

    /// Kills the broker and keeps a copy of its data. It stays down.
    ///
    /// # Errors
    /// If the data cannot be copied.
    pub fn back_up(&mut self) -> anyhow::Result<()> {
        self.kill();
        copy_folder(&self.service.path("data"), &self.service.path("backup"))
    }

    /// Kills the broker and puts the copy of [`Self::back_up`] in the place of its data. It stays down.
    ///
    /// # Errors
    /// If there is no copy.
    pub fn restore(&mut self) -> anyhow::Result<()> {
        self.kill();
        let data = self.service.path("data");
        fs::remove_dir_all(&data)?;
        copy_folder(&self.service.path("backup"), &data)
    }

    fn settings(&self) -> PathBuf {
        self.service.path("server.properties")
    }

    fn format(
        &self,
        controller_port: u16,
        overrides: &str,
        users: &[String],
    ) -> anyhow::Result<()> {
        let mut text = fs::read_to_string(jars::recipe("kafka.properties"))?
            .replace("@PORT@", &self.port().to_string())
            .replace("@CONTROLLER_PORT@", &controller_port.to_string())
            .replace("@DATA@", &self.service.path("data").display().to_string());
        // Of two lines with the same name the later one counts.
        text.push_str(overrides);
        fs::write(self.settings(), text)?;
        let output = Command::new("java")
            // It runs for a second: the optimising compiler would cost more than it saves.
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(jars::class_path("kafka")?)
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"])
            .arg(self.settings())
            .args(users.iter().flat_map(|user| ["--add-scram", user.as_str()]))
            .output()
            .context("`java` (17 or later) is needed to run Kafka for the tests")?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("Kafka cannot format its storage: {error}");
        }
        Ok(())
    }

    /// Waits until the metadata shows `count` brokers: a port opens before its broker is registered.
    pub(crate) fn wait_for_brokers(&self, count: usize) -> anyhow::Result<()> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.brokers())
            .set("broker.address.family", "v4")
            .set("group.id", "anb-test-services")
            .set("log_level", "0")
            .create()?;
        let started = Instant::now();
        loop {
            match consumer.fetch_metadata(None, Duration::from_secs(2)) {
                Ok(metadata) if metadata.brokers().len() >= count => return Ok(()),
                Err(error) if started.elapsed() > START_TIMEOUT => {
                    return Err(error).context("the broker does not answer");
                }
                Ok(_) if started.elapsed() > START_TIMEOUT => {
                    bail!("not all {count} brokers are registered");
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = Command::new("cp").arg("--archive").arg(from).arg(to).status()?;
    anyhow::ensure!(copied.success(), "{} cannot be copied", from.display());
    Ok(())
}
