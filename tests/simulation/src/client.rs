//! A client: acts for several people over an unreliable connection.

use std::sync::Arc;

use bytes::Bytes;
use commands::{CommandContext, CommandStatus, NewVideo};
use domain::event::{Erased, Registered};
use domain::{AccountEvent, AccountId, EmailKey, Event, EventId, Verdict, VideoId};
use futures_util::{StreamExt, stream};
use infra::event_log::envelope::Envelope;
use ports::verdicts::SubmitOutcome;
use tokio::time::Instant;
use uuid::Uuid;

use crate::actor::{self, Actor};
use crate::cluster::SimCluster;
use crate::history::{Entry, History, Operation, Reply};
use crate::lookup::known_videos;
use crate::process::{Process, Service, VERDICT_DEADLINE};

/// People in the contest; every client acts for all of them.
const PEOPLE: u64 = 5;
/// How many of the people upload videos.
const ARTISTS: u64 = 2;
/// How many accounts a person may have, one after the other.
const ACCOUNTS_PER_PERSON: u64 = 3;
const MAX_TRIES: u64 = 4;
const SMALLEST_AVI: &[u8] = b"RIFF\x24\0\0\0AVI LIST";

/// One client.
pub(crate) struct Client {
    pub(crate) number: u64,
    pub(crate) cluster: Arc<SimCluster>,
    pub(crate) apis: Vec<Arc<Process>>,
    pub(crate) history: History,
    /// Sends the second of two simultaneous requests.
    pub(crate) second: Arc<Actor>,
}

pub(crate) fn person(number: u64) -> AccountId {
    AccountId(Uuid::from_u128(u128::from(number) + 1))
}

/// One of a person's possible accounts; mostly the first, which is the one that acts.
fn account_of(person: AccountId) -> AccountId {
    let n = if actor::chance(0.85) { 0 } else { actor::below(ACCOUNTS_PER_PERSON) };
    AccountId(Uuid::from_u128(person.0.as_u128() + u128::from(n) * 1_000))
}

impl Client {
    /// Performs the planned number of operations.
    pub(crate) async fn run(self) {
        for n in 0..self.cluster.params.operations {
            actor::pause(self.cluster.params.pause).await;
            let operation = self.choose();
            self.perform(self.number * 1_000 + n, operation).await;
        }
    }

    fn choose(&self) -> Operation {
        let by = person(actor::below(PEOPLE));
        let videos = known_videos(&self.cluster);
        let unknown = VideoId(Uuid::from_u128(u128::from(actor::below(3))));
        let (video, owner) = actor::pick(&videos).unwrap_or((unknown, by));
        match actor::below(100) {
            0..16 => Operation::Register { by, account: account_of(by) },
            16..32 => Operation::Upload { by: person(actor::below(ARTISTS)) },
            32..44 => Operation::Delete { by: if actor::chance(0.8) { owner } else { by }, video },
            44..48 => Operation::Erase { by, account: account_of(by) },
            _ => Operation::Vote { by, video },
        }
    }

    /// Tries until the reply is final, at most `MAX_TRIES` times.
    async fn perform(&self, number: u64, operation: Operation) {
        let keyed = actor::chance(0.7);
        let twice = actor::chance(0.1);
        for n in 0..MAX_TRIES {
            // Without a key every try is another event; in production its id is random.
            let key = if keyed { format!("{number}") } else { format!("{number}, try {n}") };
            if twice {
                let second = self.second.run(self.attempt(number, &operation, keyed, &key));
                let first = self.attempt(number, &operation, keyed, &key);
                let (first, second) = tokio::join!(first, second);
                if first && second {
                    return;
                }
            } else if self.attempt(number, &operation, keyed, &key).await && actor::chance(0.9) {
                return;
            }
            actor::pause(800).await;
        }
    }

    /// One try; whether the reply was final.
    async fn attempt(&self, number: u64, operation: &Operation, keyed: bool, key: &str) -> bool {
        let Some(api) = actor::pick(&self.apis) else { return false };
        let context =
            CommandContext { idempotency_key: Some(key.to_owned()), ..CommandContext::default() };
        let event = event_id(&context, operation);
        let (task, title) = (operation.clone(), format!("operation {number}"));
        let asked = Instant::now();
        let reply = api.request(|service| call(service, context, task, title)).await;
        let reply = reply.unwrap_or(Reply::Nothing);
        let waited_ms = asked.elapsed().as_millis() as u64;
        let entry = Entry { number, operation: operation.clone(), keyed, event, reply, waited_ms };
        self.record(api.name, entry.clone());
        let Reply::Pending(token) = &entry.reply else { return entry.reply.is_final() };
        for _ in 0..actor::below(4) {
            actor::pause(1_500).await;
            if let Some(reply) = self.ask(token).await {
                self.record("token", Entry { reply, ..entry });
                break;
            }
        }
        true
    }

    /// Asks any process for the verdict of a command token.
    async fn ask(&self, token: &str) -> Option<Reply> {
        let api = actor::pick(&self.apis)?;
        ask(&api, token).await
    }

    fn record(&self, at: &str, entry: Entry) {
        let Entry { operation, event, reply, .. } = &entry;
        self.cluster
            .trace(|| format!("client {}: {operation:?} {event} at {at}: {reply:?}", self.number));
        self.history.push(entry);
    }
}

/// Asks a process for the verdict of a command token.
pub(crate) async fn ask(api: &Process, token: &str) -> Option<Reply> {
    let token = token.to_owned();
    let status =
        api.request(|service| async move { service.commands.status(&token).await }).await?;
    match status {
        Ok(Some(CommandStatus::Accepted { total_votes })) => Some(Reply::Accepted(total_votes)),
        Ok(Some(CommandStatus::Rejected(rejection))) => Some(Reply::Rejected(rejection)),
        Ok(None) => Some(Reply::Defect("an unknown token".to_owned())),
        Ok(Some(CommandStatus::Pending)) | Err(_) => None,
    }
}

/// The event id that the command derives.
fn event_id(context: &CommandContext, operation: &Operation) -> EventId {
    match operation {
        Operation::Register { by, .. } => {
            context.event_id(registrar(&email_key(*by)), "register", "")
        }
        Operation::Erase { account, .. } => context.event_id(account.0, "erase", ""),
        Operation::Upload { by } => context.event_id(by.0, "upload", ""),
        Operation::Delete { by, video } => context.event_id(by.0, "delete", &video.to_string()),
        Operation::Vote { by, video } => context.event_id(by.0, "vote", &video.to_string()),
    }
}

fn email_key(person: AccountId) -> EmailKey {
    EmailKey::derive(&[7; 32], &format!("{person}@example.org"))
}

fn registrar(email: &EmailKey) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, email.as_str().as_bytes())
}

async fn call(
    service: Service,
    context: CommandContext,
    operation: Operation,
    title: String,
) -> Reply {
    match operation {
        Operation::Register { by, account } => register(&service, &context, by, account).await,
        Operation::Erase { by, account } => erase(&service, &context, by, account).await,
        Operation::Upload { by } => {
            let body = stream::iter([Ok(Bytes::from_static(SMALLEST_AVI))]).boxed();
            let original = match service.commands.store_original(body, 1_000).await {
                Ok(original) => original,
                Err(error) => return Reply::Defect(error.to_string()),
            };
            let new = NewVideo { title, description: None, original };
            Reply::of(service.commands.upload(&context, by, new).await, |_| None)
        }
        Operation::Delete { by, video } => {
            Reply::of(service.commands.delete(&context, by, video).await, |()| None)
        }
        Operation::Vote { by, video } => {
            Reply::of(service.commands.vote(&context, by, video).await, Some)
        }
    }
}

/// Appends the event of `Commands::register` by the same protocol, without its personal data in
/// Postgres. The account id is chosen by the caller, so that artists can act before their
/// registration is folded.
async fn register(
    service: &Service,
    context: &CommandContext,
    by: AccountId,
    account_id: AccountId,
) -> Reply {
    let email = email_key(by);
    let event_id = context.event_id(registrar(&email), "register", "");
    let registered =
        Registered { account_id, city: "Cali".to_owned(), country: "Colombia".to_owned() };
    let event = Event::Account(email, AccountEvent::Registered(registered));
    let envelope = context.envelope(event_id, Some(account_id), event);
    submit(service, envelope).await
}

/// Appends the event of `Commands::erase`, without deleting personal data.
async fn erase(
    service: &Service,
    context: &CommandContext,
    by: AccountId,
    account_id: AccountId,
) -> Reply {
    let event_id = context.event_id(account_id.0, "erase", "");
    let event = Event::Account(email_key(by), AccountEvent::Erased(Erased { account_id }));
    submit(service, context.envelope(event_id, Some(account_id), event)).await
}

async fn submit(service: &Service, envelope: Envelope) -> Reply {
    match service.submitter.submit(envelope, VERDICT_DEADLINE).await {
        Ok(SubmitOutcome::Decided { verdict: Verdict::Rejected(why), .. }) => Reply::Rejected(why),
        Ok(SubmitOutcome::Decided { verdict: Verdict::Accepted { .. }, .. }) => {
            Reply::Accepted(None)
        }
        Ok(SubmitOutcome::Pending { .. }) | Err(_) => Reply::Unavailable,
    }
}
