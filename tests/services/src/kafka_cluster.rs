//! Apache Kafka: several brokers, of which the first is the controller.

use std::thread;

use anyhow::{Context, anyhow};

use crate::java::{JavaService, free_port};
use crate::kafka_broker::OwnKafka;

/// A broker without a heartbeat for so long has failed. Kafka's default of 9 s would make tests slow.
const SESSION_TIMEOUT: &str = "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=500\n";

/// A cluster of one test, whose brokers may be killed and restarted one by one. The controller must stay.
pub struct KafkaCluster {
    brokers: Vec<OwnKafka>,
}

impl KafkaCluster {
    /// Starts `size` brokers. They end with the calling thread.
    ///
    /// # Errors
    /// If one of them does not answer.
    pub fn start(size: usize) -> anyhow::Result<Self> {
        let controller = free_port()?;
        let formatting: Vec<_> =
            (1..=size).map(|node| thread::spawn(move || formatted(node, controller))).collect();
        let formatted = formatting
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a formatting thread panicked"))?);
        let mut brokers: Vec<OwnKafka> = formatted.collect::<Result<_, _>>()?;
        for broker in &mut brokers {
            broker.restart()?;
        }
        for broker in &brokers {
            broker.wait_for_brokers(size)?;
        }
        Ok(Self { brokers })
    }

    /// `host:port` of each broker, joined by commas.
    pub fn brokers(&self) -> String {
        let all: Vec<String> = self.brokers.iter().map(OwnKafka::brokers).collect();
        all.join(",")
    }

    /// The broker with this node id, counted from 1.
    ///
    /// # Errors
    /// If there is none.
    pub fn node(&mut self, id: usize) -> anyhow::Result<&mut OwnKafka> {
        let node = id.checked_sub(1).and_then(|index| self.brokers.get_mut(index));
        node.context("the cluster has no such node")
    }
}

fn formatted(node: usize, controller: u16) -> anyhow::Result<OwnKafka> {
    let service = JavaService::new("kafka", free_port()?)?;
    let port = service.port();
    let role = match node {
        1 => String::new(),
        _ => format!("process.roles=broker\nlisteners=PLAINTEXT://127.0.0.1:{port}\n"),
    };
    let overrides = format!("{role}node.id={node}\n{SESSION_TIMEOUT}");
    OwnKafka::formatted(service, controller, &overrides, &[])
}
