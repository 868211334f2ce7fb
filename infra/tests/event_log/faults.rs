//! The service behind a log dies, freezes or loses a connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use infra::event_log::kafka::KafkaLog;
use infra::event_log::postgres::PostgresLog;
use infra::event_log::{AppendError, EventLog, ReadError, Record};
use test_services::{OwnKafka, OwnPostgres, kafka_broker};
use tokio::sync::watch;
use url::Url;

use crate::cutting_proxy::CuttingProxy;
use crate::fixture::{
    PARTITIONS, TIMEOUT, append, assert_dense, beginning, eventually, keys, number, read, record,
    settings,
};

const RESTARTS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_postgres_loses_and_repeats_no_record() {
    let mut server = OwnPostgres::start().await.unwrap();
    let url = server.database_url().await.unwrap();
    let pool = infra::database::connect(&url, 10).await.unwrap();
    let log = Arc::new(PostgresLog::open(pool, PARTITIONS).await.unwrap());
    let traffic = Traffic::start(log);
    for _ in 0..RESTARTS {
        traffic.makes_progress().await;
        server.kill();
        server.restart().await.unwrap();
    }
    traffic.makes_progress().await;
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_kafka_loses_and_repeats_no_record() {
    // On this thread: the broker ends with the thread that started it.
    let mut broker = OwnKafka::start().unwrap();
    let settings = settings(broker.brokers(), kafka_broker::fresh_topic());
    let traffic = Traffic::start(Arc::new(KafkaLog::open(settings).await.unwrap()));
    for _ in 0..RESTARTS {
        traffic.makes_progress().await;
        broker.restart().unwrap();
    }
    traffic.makes_progress().await;
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_to_a_frozen_broker_is_unknown() {
    let broker = OwnKafka::start().unwrap();
    let settings = settings(broker.brokers(), kafka_broker::fresh_topic());
    let log = KafkaLog::open(settings).await.unwrap();
    append(&log, vec![record("video-1", 0)]).await;

    broker.freeze();
    let answer = log.append(vec![record("video-1", 1)]).await.remove(0);
    broker.thaw();

    assert!(matches!(answer, Err(AppendError::Unknown(_))), "{answer:?}");
    eventually("appends succeed again", async || {
        log.append(vec![record("video-1", 2)]).await.remove(0).is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_an_answer_is_unknown() {
    let mut url = Url::parse(&test_services::database_url().await).unwrap();
    let proxy = CuttingProxy::start(url.port().unwrap()).await;
    url.set_port(Some(proxy.port)).unwrap();
    let pool = infra::database::connect(url.as_str(), 10).await.unwrap();
    let log = PostgresLog::open(pool, PARTITIONS).await.unwrap();
    append(&log, vec![record("video-1", 0)]).await;

    proxy.cut_next_commit();
    let answer = log.append(vec![record("video-1", 1)]).await.remove(0);

    assert!(matches!(answer, Err(AppendError::Unknown(_))), "{answer:?}");
    append(&log, vec![record("video-1", 2)]).await;
    let read = read(log.read(&beginning()).await.unwrap().as_mut(), 3).await;
    assert_eq!(read.iter().map(number).collect::<Vec<_>>(), [0, 1, 2], "the record was appended");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_an_append_is_unavailable() {
    let mut server = OwnPostgres::start().await.unwrap();
    let url = server.database_url().await.unwrap();
    let pool = infra::database::connect(&url, 10).await.unwrap();
    let log = PostgresLog::open(pool, PARTITIONS).await.unwrap();

    server.kill();

    let answer = log.append(vec![record("video-1", 1)]).await.remove(0);
    assert!(matches!(answer, Err(AppendError::Unavailable(_))), "{answer:?}");
    assert!(matches!(log.end_offsets().await, Err(ReadError::Unavailable(_))));
}

/// One task that appends and one that reads, both through every fault.
struct Traffic {
    log: Arc<dyn EventLog>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    /// The number of records in the log, once the appending task has ended.
    total: watch::Sender<Option<usize>>,
    appending: tokio::task::JoinHandle<BTreeMap<usize, domain::Position>>,
    reading: tokio::task::JoinHandle<Vec<Record>>,
}

impl Traffic {
    fn start(log: Arc<dyn EventLog>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let appending = tokio::spawn({
            let (log, stop, acknowledged) =
                (Arc::clone(&log), Arc::clone(&stop), Arc::clone(&acknowledged));
            async move {
                let mut positions = BTreeMap::new();
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let new = record(&keys()[n % 64], n);
                    match log.append(vec![new]).await.remove(0) {
                        Ok(position) => {
                            positions.insert(n, position);
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(AppendError::TooLarge { .. }) => panic!("it is small"),
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
                positions
            }
        });
        let total = watch::Sender::new(None);
        let reading = tokio::spawn(read_all(Arc::clone(&log), total.subscribe()));
        Self { log, stop, acknowledged, total, appending, reading }
    }

    /// Waits until records are acknowledged again.
    async fn makes_progress(&self) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        eventually("appends are acknowledged", async || {
            self.acknowledged.load(Ordering::Relaxed) > before + 50
        })
        .await;
    }

    /// Compares the records that the reader got with the acknowledgements.
    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let positions = self.appending.await.unwrap();
        let ends: u64 = self.log.end_offsets().await.unwrap().iter().sum();
        self.total.send_replace(Some(usize::try_from(ends).unwrap()));
        let seen = tokio::time::timeout(TIMEOUT, self.reading).await;
        let seen = seen.unwrap_or_else(|_| panic!("the reader does not get to the end")).unwrap();
        assert_eq!(seen.len() as u64, ends, "no record came twice");
        assert_dense(&seen, |_| 0);
        for (number_appended, position) in &positions {
            let at = seen.iter().find(|record| record.position == *position);
            let at = at.unwrap_or_else(|| panic!("{position} was acknowledged and is not there"));
            assert_eq!(number(at), *number_appended);
        }
    }
}

/// Reads through every fault until it has all records.
async fn read_all(
    log: Arc<dyn EventLog>,
    mut total: watch::Receiver<Option<usize>>,
) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut reader = log.read(&beginning()).await.unwrap();
    loop {
        tokio::select! {
            next = reader.next(100) => match next {
                Ok(some) => records.extend(some),
                Err(ReadError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(gone) => panic!("{gone}"),
            },
            () = has_read_all(&mut total, records.len()) => return records,
        }
    }
}

/// Waits until the total is known and `read` has reached it.
async fn has_read_all(total: &mut watch::Receiver<Option<usize>>, read: usize) {
    total.wait_for(|total| total.is_some_and(|total| read >= total)).await.unwrap();
}
