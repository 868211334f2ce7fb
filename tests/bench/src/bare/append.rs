//! The baseline of votes: appends the bytes of a vote, waits for the acknowledgement, and answers. It
//! checks no token, folds nothing and projects nothing, so it shows what the log and HTTP cost.
//!
//! Kafka gets idempotent records that all replicas acknowledge, as from `anb`. Postgres gets one
//! committed row per request.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use bytes::Bytes;
use domain::event::VoteCast;
use domain::{AccountId, Event, EventId, VideoEvent, VideoId};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use infra::database::{self, Pool};
use infra::event_log::NewRecord;
use infra::event_log::envelope::Envelope;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::json;
use uuid::Uuid;

/// The pool size of `anb`.
const CONNECTIONS: u32 = 20;
/// Of 0, 1, 2 and 5 ms, 2 ms gives the most votes per second at 256 connections.
const LINGER_MS: &str = "2";

#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    port: u16,
    #[arg(long, requires = "topic")]
    brokers: Option<String>,
    #[arg(long)]
    topic: Option<String>,
    #[arg(long)]
    database_url: Option<String>,
}

pub(crate) async fn serve(args: Args) -> Result<()> {
    let routes = match (args.brokers, args.topic, args.database_url) {
        (Some(brokers), Some(topic), None) => to_kafka(&brokers, topic)?,
        (None, None, Some(url)) => to_postgres(&url).await?,
        _ => bail!("either --brokers and --topic, or --database-url"),
    };
    super::serve(args.port, routes).await
}

const ROUTE: &str = "/api/public/videos/{id}/vote";
type Answer = (StatusCode, [(http::HeaderName, &'static str); 1], Bytes);

/// A vote as `anb` writes it.
fn record() -> Result<NewRecord> {
    let (video, voter) = (VideoId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
    let event = Event::Video(video, VideoEvent::VoteCast(VoteCast { voter }));
    let mut envelope = Envelope::new(EventId(Uuid::now_v7()), event);
    envelope.actor = Some(voter);
    envelope.correlation_id = Some(Uuid::now_v7().to_string());
    Ok(envelope.into_record()?)
}

/// A body as long as the answer to a vote.
fn answer() -> Bytes {
    let message = "Voto registrado exitosamente.";
    let body = json!({ "message": message, "video_id": Uuid::nil(), "total_votes": 1_000 });
    body.to_string().into()
}

fn answered(appended: bool, answer: Bytes) -> Answer {
    let status = if appended { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CONTENT_TYPE, "application/json")], answer)
}

struct Kafka {
    producer: FutureProducer,
    topic: String,
    headers: OwnedHeaders,
    value: Bytes,
    answer: Bytes,
}

fn to_kafka(brokers: &str, topic: String) -> Result<Router> {
    let producer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("broker.address.family", "v4")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", LINGER_MS)
        .set("partitioner", "murmur2_random")
        .create()?;
    let record = record()?;
    let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let kafka = Kafka { producer, topic, headers, value: record.value, answer: answer() };
    Ok(Router::new().route(ROUTE, post(append_to_kafka)).with_state(Arc::new(kafka)))
}

async fn append_to_kafka(State(kafka): State<Arc<Kafka>>, Path(video): Path<String>) -> Answer {
    let key = format!("video-{video}");
    let record = FutureRecord::to(&kafka.topic)
        .key(&key)
        .payload(kafka.value.as_ref())
        .headers(kafka.headers.clone());
    let delivered = kafka.producer.send(record, Duration::ZERO).await;
    answered(delivered.is_ok(), kafka.answer.clone())
}

struct Postgres {
    pool: Pool,
    headers: serde_json::Value,
    value: Bytes,
    answer: Bytes,
}

async fn to_postgres(url: &str) -> Result<Router> {
    let pool = database::connect(url, CONNECTIONS).await?;
    // Not checked macros: the table `bare_log` is in no migration.
    sqlx::query(
        "create table bare_log (
             \"offset\" bigint generated always as identity primary key,
             appended_at timestamptz not null default now(),
             key bytea, headers jsonb not null, value bytea
         )",
    )
    .execute(&pool)
    .await?;
    let record = record()?;
    let headers = json!(record.headers);
    let postgres = Postgres { pool, headers, value: record.value, answer: answer() };
    Ok(Router::new().route(ROUTE, post(append_to_postgres)).with_state(Arc::new(postgres)))
}

async fn append_to_postgres(
    State(postgres): State<Arc<Postgres>>,
    Path(video): Path<String>,
) -> Answer {
    // Not a checked macro: see the table above.
    let appended = sqlx::query("insert into bare_log (key, headers, value) values ($1, $2, $3)")
        .bind(format!("video-{video}").into_bytes())
        .bind(&postgres.headers)
        .bind(postgres.value.as_ref())
        .execute(&postgres.pool)
        .await;
    answered(appended.is_ok(), postgres.answer.clone())
}
