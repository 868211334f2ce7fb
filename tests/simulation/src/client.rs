//! A client: a person, or rather several, with a bad connection.

use std::sync::Arc;

use bytes::Bytes;
use commands::{CommandStatus, Context, NewVideo};
use domain::event::{Erased, Registered};
use domain::{AccountEvent, AccountId, EmailKey, Event, EventId, Verdict, VideoId};
use futures_util::{StreamExt, stream};
use infra::event_log::envelope::Envelope;
use infra::verdicts::Decision;
use tokio::time::Instant;
use uuid::Uuid;

use crate::history::{Act, Entry, History, Told};
use crate::lane::{self, Lane};
use crate::lookup::known_videos;
use crate::process::{DEADLINE, Process, Service};
use crate::world::World;

/// As many people take part, whoever acts for them.
const PEOPLE: u64 = 5;
/// So many of them have something to show.
const ARTISTS: u64 = 2;
/// So many accounts a person may have, one after the other.
const ACCOUNTS: u64 = 3;
const TRIES: u64 = 4;
const SMALLEST_AVI: &[u8] = b"RIFF\x24\0\0\0AVI LIST";

/// One client.
pub(crate) struct Client {
    pub(crate) number: u64,
    pub(crate) world: Arc<World>,
    pub(crate) apis: Vec<Arc<Process>>,
    pub(crate) history: History,
    /// For the second of two requests that are sent at once.
    pub(crate) second: Arc<Lane>,
}

pub(crate) fn person(number: u64) -> AccountId {
    AccountId(Uuid::from_u128(u128::from(number) + 1))
}

/// One of the accounts that a person may have; most often the first, under which they act.
fn account_of(person: AccountId) -> AccountId {
    let nth = if lane::chance(0.85) { 0 } else { lane::below(ACCOUNTS) };
    AccountId(Uuid::from_u128(person.0.as_u128() + u128::from(nth) * 1_000))
}

impl Client {
    /// Acts as often as planned.
    pub(crate) async fn run(self) {
        for nth in 0..self.world.plan.acts {
            lane::pause(self.world.plan.pause).await;
            let act = self.choose();
            self.perform(self.number * 1_000 + nth, act).await;
        }
    }

    fn choose(&self) -> Act {
        let by = person(lane::below(PEOPLE));
        let videos = known_videos(&self.world);
        let unknown = VideoId(Uuid::from_u128(u128::from(lane::below(3))));
        let (video, owner) = lane::pick(&videos).unwrap_or((unknown, by));
        match lane::below(100) {
            0..16 => Act::Register { by, account: account_of(by) },
            16..32 => Act::Upload { by: person(lane::below(ARTISTS)) },
            32..44 => Act::Delete { by: if lane::chance(0.8) { owner } else { by }, video },
            44..48 => Act::Erase { by, account: account_of(by) },
            _ => Act::Vote { by, video },
        }
    }

    /// Tries until there is an answer, or patience ends.
    async fn perform(&self, number: u64, act: Act) {
        let keyed = lane::chance(0.7);
        let twice = lane::chance(0.1);
        for nth in 0..TRIES {
            // Without a key every try is an event of its own; production makes its id at random.
            let key = if keyed { format!("{number}") } else { format!("{number}, try {nth}") };
            if twice {
                let second = self.second.run(self.attempt(number, &act, keyed, &key));
                let first = self.attempt(number, &act, keyed, &key);
                let (first, second) = tokio::join!(first, second);
                if first && second {
                    return;
                }
            } else if self.attempt(number, &act, keyed, &key).await && lane::chance(0.9) {
                return;
            }
            lane::pause(800).await;
        }
    }

    /// One try; says whether the answer was final.
    async fn attempt(&self, number: u64, act: &Act, keyed: bool, key: &str) -> bool {
        let Some(api) = lane::pick(&self.apis) else { return false };
        let context = Context { idempotency_key: Some(key.to_owned()), ..Context::default() };
        let event = event_id(&context, act);
        let (task, title) = (act.clone(), format!("act {number}"));
        let asked = Instant::now();
        let told = api.request(|service| call(service, context, task, title)).await;
        let told = told.unwrap_or(Told::Nothing);
        let took = asked.elapsed().as_millis() as u64;
        let entry = Entry { number, act: act.clone(), keyed, event, told, took };
        self.note(api.name, entry.clone());
        let Told::Pending(token) = &entry.told else { return entry.told.is_final() };
        for _ in 0..lane::below(4) {
            lane::pause(1_500).await;
            if let Some(told) = self.ask(token).await {
                self.note("token", Entry { told, ..entry });
                break;
            }
        }
        true
    }

    /// Asks for the verdict behind a token, in any process.
    async fn ask(&self, token: &str) -> Option<Told> {
        let api = lane::pick(&self.apis)?;
        ask(&api, token).await
    }

    fn note(&self, at: &str, entry: Entry) {
        let Entry { act, event, told, .. } = &entry;
        self.world.trace(|| format!("client {}: {act:?} {event} at {at}: {told:?}", self.number));
        self.history.push(entry);
    }
}

/// Asks a process for the verdict behind a token.
pub(crate) async fn ask(api: &Process, token: &str) -> Option<Told> {
    let token = token.to_owned();
    let status =
        api.request(|service| async move { service.commands.status(&token).await }).await?;
    match status {
        Ok(Some(CommandStatus::Accepted { total_votes })) => Some(Told::Accepted(total_votes)),
        Ok(Some(CommandStatus::Rejected(rejection))) => Some(Told::Rejected(rejection)),
        Ok(None) => Some(Told::Defect("an unknown token".to_owned())),
        Ok(Some(CommandStatus::Pending)) | Err(_) => None,
    }
}

/// The same id that the command derives.
fn event_id(context: &Context, act: &Act) -> EventId {
    match act {
        Act::Register { by, .. } => context.event_id(registrar(&email_key(*by)), "register", ""),
        Act::Erase { account, .. } => context.event_id(account.0, "erase", ""),
        Act::Upload { by } => context.event_id(by.0, "upload", ""),
        Act::Delete { by, video } => context.event_id(by.0, "delete", &video.to_string()),
        Act::Vote { by, video } => context.event_id(by.0, "vote", &video.to_string()),
    }
}

fn email_key(person: AccountId) -> EmailKey {
    EmailKey::derive(&[7; 32], &format!("{person}@example.org"))
}

fn registrar(email: &EmailKey) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, email.as_str().as_bytes())
}

async fn call(service: Service, context: Context, act: Act, title: String) -> Told {
    match act {
        Act::Register { by, account } => register(&service, &context, by, account).await,
        Act::Erase { by, account } => erase(&service, &context, by, account).await,
        Act::Upload { by } => {
            let body = stream::iter([Ok(Bytes::from_static(SMALLEST_AVI))]).boxed();
            let original = match service.commands.store_original(body, 1_000).await {
                Ok(original) => original,
                Err(error) => return Told::Defect(error.to_string()),
            };
            let new = NewVideo { title, description: None, original };
            Told::of(service.commands.upload(&context, by, new).await, |_| None)
        }
        Act::Delete { by, video } => {
            Told::of(service.commands.delete(&context, by, video).await, |()| None)
        }
        Act::Vote { by, video } => Told::of(service.commands.vote(&context, by, video).await, Some),
    }
}

/// Registration, without the personal data that it keeps in Postgres: the event that
/// `Commands::register` makes, and the protocol that it follows. The account's id is known before, so
/// that artists may act before their registration has been folded.
async fn register(
    service: &Service,
    context: &Context,
    by: AccountId,
    account_id: AccountId,
) -> Told {
    let email = email_key(by);
    let event_id = context.event_id(registrar(&email), "register", "");
    let registered =
        Registered { account_id, city: "Cali".to_owned(), country: "Colombia".to_owned() };
    let event = Event::Account(email, AccountEvent::Registered(registered));
    let envelope = context.envelope(event_id, Some(account_id), event);
    submit(service, envelope).await
}

/// Erasure, likewise: the event that `Commands::erase` makes.
async fn erase(service: &Service, context: &Context, by: AccountId, account_id: AccountId) -> Told {
    let event_id = context.event_id(account_id.0, "erase", "");
    let event = Event::Account(email_key(by), AccountEvent::Erased(Erased { account_id }));
    submit(service, context.envelope(event_id, Some(account_id), event)).await
}

async fn submit(service: &Service, envelope: Envelope) -> Told {
    match service.decisions.submit(envelope, DEADLINE).await {
        Ok(Decision::Decided { verdict: Verdict::Rejected(why), .. }) => Told::Rejected(why),
        Ok(Decision::Decided { verdict: Verdict::Accepted { .. }, .. }) => Told::Accepted(None),
        Ok(Decision::Pending { .. }) | Err(_) => Told::Unavailable,
    }
}
