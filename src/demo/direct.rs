//! `anb demo --direct`: a contest of any size, straight into the log, for measurements.
//!
//! No other command appends without a verdict. This one waits for none and asks nobody: its events
//! follow from a seed, ids included, so that running it again, also after it was interrupted, adds
//! nothing that is there already.

mod plan;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use domain::{AccountId, EventId};
use infra::event_log::envelope::Envelope;
use infra::event_log::{EventLog, NewRecord};
use sqlx::PgPool;
use tokio::sync::mpsc;

use super::DemoArgs;
use super::stages::Stage;
use crate::output::say;
use crate::world::World;
use plan::Plan;

/// Records that are appended with one call: well within what the logs take into their queues.
const CHUNK: usize = 8_192;
/// Chunks that are encoded ahead of the log.
const AHEAD: usize = 2;

/// An invented person, who can never sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Invented {
    account: AccountId,
    event: EventId,
    first_name: String,
    last_name: String,
    email: String,
}

/// Writes invented people into `personal_data`, with an empty password hash.
async fn introduce(pool: &PgPool, people: &[Invented]) -> Result<(), sqlx::Error> {
    if people.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         select account, event, first_name, last_name, email, ''
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
             as person (account, event, first_name, last_name, email)
         on conflict do nothing",
    )
    .bind(people.iter().map(|person| person.account.0).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.event.0).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.first_name.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.last_name.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.email.as_str()).collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(())
}

/// An event on its way, and the person that it introduces, if it does.
type Step = (Option<Invented>, Envelope);

pub(super) async fn run(args: &DemoArgs) -> Result<()> {
    let world = World::open_migrated(&args.database.parse()?, &args.event_log.parse()?).await?;
    let done = fill(&world, args).await;
    world.close().await;
    done
}

async fn fill(world: &World, args: &DemoArgs) -> Result<()> {
    let started = Instant::now();
    let plan = Arc::new(Plan::draw(args.seed, args.artists, args.fans(), args.votes as usize));
    let (people, videos, votes) = (plan.people(), plan.videos(), plan.votes());
    let sink = Sink { pool: world.pool(), log: world.log.as_ref() };
    // A stage is in the log before the next one begins: nobody votes for a video that is not there.
    sink.take("people", people, &plan, Plan::registrations).await?;
    sink.take("videos", 2 * videos, &plan, Plan::publications).await?;
    sink.take("votes", votes, &plan, Plan::ballots).await?;
    let (events, seconds) = (people + 2 * videos + votes, started.elapsed().as_secs_f64());
    say(format_args!(
        "{people} people, {videos} videos, {votes} votes: {events} events in {seconds:.1} s, {:.0} per s",
        events as f64 / seconds
    ))
    .map_err(Into::into)
}

/// Where a stage goes.
struct Sink<'a> {
    pool: &'a PgPool,
    log: &'a dyn EventLog,
}

impl Sink<'_> {
    /// Encodes on one thread while the log works on what came before; chunks keep their order.
    async fn take<S, I>(
        &self,
        name: &'static str,
        events: usize,
        plan: &Arc<Plan>,
        steps: S,
    ) -> Result<()>
    where
        S: FnOnce(Arc<Plan>) -> I + Send + 'static,
        I: Iterator<Item = Step>,
    {
        let stage = Stage::new(name, events);
        let (sender, mut chunks) = mpsc::channel(AHEAD);
        let plan = Arc::clone(plan);
        let encoding = tokio::task::spawn_blocking(move || encode(steps(plan), &sender));
        while let Some(Chunk { people, records }) = chunks.recv().await {
            // Before their events, as when somebody signs up.
            introduce(self.pool, &people).await.context("the names cannot be written")?;
            let appended = records.len();
            for position in self.log.append(records).await {
                position.context("not everything was appended: run it again with the same seed")?;
            }
            stage.advance(appended);
        }
        encoding.await??;
        stage.finish();
        Ok(())
    }
}

#[derive(Default)]
struct Chunk {
    people: Vec<Invented>,
    records: Vec<NewRecord>,
}

fn encode(steps: impl Iterator<Item = Step>, chunks: &mpsc::Sender<Chunk>) -> Result<()> {
    let mut steps = steps.peekable();
    while steps.peek().is_some() {
        let mut chunk = Chunk::default();
        for (person, envelope) in steps.by_ref().take(CHUNK) {
            chunk.people.extend(person);
            chunk.records.push(envelope.into_record()?);
        }
        if chunks.blocking_send(chunk).is_err() {
            // Appending has failed, and says why.
            return Ok(());
        }
    }
    Ok(())
}
