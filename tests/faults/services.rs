//! The broker, the database and the S3 server, each behind a proxy of its own.

use std::thread;

use test_services::java::free_port;
use test_services::s3_server::{OwnS3, S3Bucket, bucket_on};
use test_services::{KafkaTopic, OwnKafka, OwnPostgres, kafka_broker};
use tokio::sync::{mpsc, oneshot, watch};

use super::fault_proxy::FaultProxy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Broker,
    Database,
    Store,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Database => "database",
            Self::Store => "store",
        }
    }
}

/// What the nemesis does to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceAction {
    Kill,
    Start,
    Freeze,
    Thaw,
    FillDisk(bool),
    /// The server refuses writes, or takes them again.
    ReadOnly(bool),
    /// A standby is made, and becomes the primary. The old one keeps its sessions, and is read-only.
    FailOver,
}

/// The addresses of the services, through their proxies.
pub(crate) struct Services {
    pub(crate) database_url: String,
    pub(crate) kafka: KafkaTopic,
    pub(crate) s3: S3Bucket,
    pub(crate) to_database: FaultProxy,
    pub(crate) to_broker: FaultProxy,
    pub(crate) to_store: FaultProxy,
    thread: Option<ServiceThread>,
}

/// The thread that owns the services.
struct ServiceThread {
    actions: mpsc::UnboundedSender<(Service, ServiceAction, oneshot::Sender<()>)>,
    thread: thread::JoinHandle<()>,
}

struct RunningServices {
    database: OwnPostgres,
    broker: OwnKafka,
    store: OwnS3,
    /// The primary before the last fail-over, kept running.
    demoted: Option<OwnPostgres>,
    /// Where new connections to the database lead.
    to_database: watch::Sender<Option<u16>>,
}

impl Services {
    pub(crate) async fn start() -> Self {
        let [to_database, to_broker, to_store] =
            [FaultProxy::open().await, FaultProxy::open().await, FaultProxy::open().await]
                .map(Result::unwrap);
        let (actions, mut asked) =
            mpsc::unbounded_channel::<(Service, ServiceAction, oneshot::Sender<()>)>();
        let (started, addresses) = oneshot::channel();
        let (proxy, broker) = (to_broker.port, free_port().unwrap());
        let route = to_database.route();
        to_broker.forward_to(broker);
        // A service ends with the thread that started it, and a runtime ends its worker threads.
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut running = RunningServices::start(proxy, broker, route).await;
                let url = running.database.database_url().await.unwrap();
                let bucket = bucket_on(&running.store.endpoint()).await;
                started.send((url, bucket)).unwrap();
                while let Some((service, action, done)) = asked.recv().await {
                    running.apply(service, action).await;
                    // The receiver may have been dropped.
                    let _ = done.send(());
                }
            });
        });
        let (url, mut s3) = addresses.await.unwrap();
        let mut url: url::Url = url.parse().unwrap();
        to_database.forward_to(url.port().unwrap());
        url.set_port(Some(to_database.port)).unwrap();
        to_store.forward_to(s3.endpoint.rsplit(':').next().unwrap().parse().unwrap());
        s3.endpoint = format!("http://127.0.0.1:{}", to_store.port);
        let kafka = KafkaTopic {
            brokers: format!("127.0.0.1:{}", to_broker.port),
            topic: kafka_broker::fresh_topic(),
        };
        let thread = Some(ServiceThread { actions, thread });
        Self { database_url: url.into(), kafka, s3, to_database, to_broker, to_store, thread }
    }

    /// Returns once the action is done; a started service then accepts connections.
    pub(crate) async fn apply(&self, service: Service, action: ServiceAction) {
        let (done, wait) = oneshot::channel();
        self.thread.as_ref().unwrap().actions.send((service, action, done)).unwrap();
        wait.await.unwrap();
    }
}

impl Drop for Services {
    /// Stops the services and waits until their data is deleted.
    fn drop(&mut self) {
        if let Some(ServiceThread { actions, thread }) = self.thread.take() {
            drop(actions);
            // A panic of the thread was already printed.
            let _ = thread.join();
        }
    }
}

impl RunningServices {
    async fn start(proxy: u16, port: u16, to_database: watch::Sender<Option<u16>>) -> Self {
        Self {
            demoted: None,
            to_database,
            database: OwnPostgres::start().await.unwrap(),
            broker: OwnKafka::start_behind(proxy, port).unwrap(),
            store: OwnS3::start().unwrap(),
        }
    }

    async fn apply(&mut self, service: Service, action: ServiceAction) {
        let Self { database, broker, store, .. } = self;
        match (service, action) {
            (Service::Broker, ServiceAction::Kill) => broker.kill(),
            (Service::Broker, ServiceAction::Start) => broker.restart().unwrap(),
            (Service::Broker, ServiceAction::Freeze) => broker.freeze(),
            (Service::Broker, ServiceAction::Thaw) => broker.thaw(),
            (Service::Database, ServiceAction::Kill) => database.kill(),
            (Service::Database, ServiceAction::Start) => database.restart().await.unwrap(),
            (Service::Database, ServiceAction::Freeze) => database.freeze(),
            (Service::Database, ServiceAction::Thaw) => database.thaw(),
            (Service::Store, ServiceAction::Kill) => store.kill(),
            (Service::Store, ServiceAction::Start) => store.restart().unwrap(),
            (Service::Store, ServiceAction::Freeze) => store.freeze(),
            (Service::Store, ServiceAction::Thaw) => store.thaw(),
            (Service::Store, ServiceAction::FillDisk(full)) => store.fill_disk(full),
            (Service::Database, ServiceAction::ReadOnly(read_only)) => {
                database.set_read_only(read_only).await.unwrap();
            }
            (Service::Database, ServiceAction::FailOver) => self.fail_over().await,
            (other, action) => panic!("{other:?} cannot do {action:?}"),
        }
    }

    async fn fail_over(&mut self) {
        let standby = self.database.standby().await.unwrap();
        self.database.set_read_only(true).await.unwrap();
        standby.promote_after(&self.database).await.unwrap();
        self.to_database.send_replace(Some(standby.port()));
        self.demoted = Some(std::mem::replace(&mut self.database, standby));
    }
}
