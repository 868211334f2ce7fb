//! The broker, the database and the S3 server, each behind a link of its own.

use std::thread;

use test_services::java::free_port;
use test_services::s3_server::{OwnS3, S3Bucket, bucket_on};
use test_services::{KafkaTopic, OwnKafka, OwnPostgres, kafka_broker};
use tokio::sync::{mpsc, oneshot};

use super::proxy::Link;

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

/// What can be done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Kill,
    Start,
    Freeze,
    Thaw,
    FillDisk(bool),
}

/// How to reach the services, through their links.
pub(crate) struct Services {
    pub(crate) database_url: String,
    pub(crate) kafka: KafkaTopic,
    pub(crate) s3: S3Bucket,
    pub(crate) to_database: Link,
    pub(crate) to_broker: Link,
    pub(crate) to_store: Link,
    keeper: Option<Keeper>,
}

/// The thread that the services live on.
struct Keeper {
    deeds: mpsc::UnboundedSender<(Service, Deed, oneshot::Sender<()>)>,
    thread: thread::JoinHandle<()>,
}

struct Running {
    database: OwnPostgres,
    broker: OwnKafka,
    store: OwnS3,
}

impl Services {
    pub(crate) async fn start() -> Self {
        let [to_database, to_broker, to_store] =
            [Link::open().await, Link::open().await, Link::open().await].map(Result::unwrap);
        let (deeds, mut asked) = mpsc::unbounded_channel::<(Service, Deed, oneshot::Sender<()>)>();
        let (started, addresses) = oneshot::channel();
        let (proxy, broker) = (to_broker.port, free_port().unwrap());
        to_broker.lead_to(broker);
        // Services end with the thread that has started them, and those of a runtime come and go.
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut running = Running::start(proxy, broker).await;
                let url = running.database.database_url().await.unwrap();
                let bucket = bucket_on(&running.store.endpoint()).await;
                started.send((url, bucket)).unwrap();
                while let Some((service, deed, done)) = asked.recv().await {
                    running.suffer(service, deed).await;
                    // Whoever asked may have been in a hurry.
                    let _ = done.send(());
                }
            });
        });
        let (url, mut s3) = addresses.await.unwrap();
        let mut url: url::Url = url.parse().unwrap();
        to_database.lead_to(url.port().unwrap());
        url.set_port(Some(to_database.port)).unwrap();
        to_store.lead_to(s3.endpoint.rsplit(':').next().unwrap().parse().unwrap());
        s3.endpoint = format!("http://127.0.0.1:{}", to_store.port);
        let kafka = KafkaTopic {
            brokers: format!("127.0.0.1:{}", to_broker.port),
            topic: kafka_broker::fresh_topic(),
        };
        let keeper = Some(Keeper { deeds, thread });
        Self { database_url: url.into(), kafka, s3, to_database, to_broker, to_store, keeper }
    }

    /// Returns once it is done; a service that was started answers then.
    pub(crate) async fn suffer(&self, service: Service, deed: Deed) {
        let (done, wait) = oneshot::channel();
        self.keeper.as_ref().unwrap().deeds.send((service, deed, done)).unwrap();
        wait.await.unwrap();
    }
}

impl Drop for Services {
    /// Ends the services, and waits until their data are gone.
    fn drop(&mut self) {
        if let Some(Keeper { deeds, thread }) = self.keeper.take() {
            drop(deeds);
            // If it has panicked, it has said so.
            let _ = thread.join();
        }
    }
}

impl Running {
    async fn start(proxy: u16, port: u16) -> Self {
        Self {
            database: OwnPostgres::start().await.unwrap(),
            broker: OwnKafka::start_behind(proxy, port).unwrap(),
            store: OwnS3::start().unwrap(),
        }
    }

    async fn suffer(&mut self, service: Service, deed: Deed) {
        let Self { database, broker, store } = self;
        match (service, deed) {
            (Service::Broker, Deed::Kill) => broker.kill(),
            (Service::Broker, Deed::Start) => broker.restart().unwrap(),
            (Service::Broker, Deed::Freeze) => broker.freeze(),
            (Service::Broker, Deed::Thaw) => broker.thaw(),
            (Service::Database, Deed::Kill) => database.kill(),
            (Service::Database, Deed::Start) => database.restart().await.unwrap(),
            (Service::Database, Deed::Freeze) => database.freeze(),
            (Service::Database, Deed::Thaw) => database.thaw(),
            (Service::Store, Deed::Kill) => store.kill(),
            (Service::Store, Deed::Start) => store.restart().unwrap(),
            (Service::Store, Deed::Freeze) => store.freeze(),
            (Service::Store, Deed::Thaw) => store.thaw(),
            (Service::Store, Deed::FillDisk(full)) => store.fill_disk(full),
            (other, Deed::FillDisk(_)) => panic!("{other:?} has no disk that can be filled"),
        }
    }
}
