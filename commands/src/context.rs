//! The circumstances of a command.

use chrono::Utc;
use domain::{AccountId, Event, EventId};
use infra::event_log::envelope::Envelope;
use uuid::Uuid;

/// Where a command comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The id of the request.
    pub correlation_id: Option<String>,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// The client's key for this one act: sent again with the same key, it cannot count twice.
    pub idempotency_key: Option<String>,
}

impl Context {
    /// The event's id. With an idempotency key it is the same for every retry: a UUIDv5 of the
    /// actor, the command, what it is about, and the key.
    pub fn event_id(&self, actor: Uuid, command: &str, about: &str) -> EventId {
        match &self.idempotency_key {
            Some(key) => EventId::derived(actor, &format!("{command}\n{about}\n{key}")),
            None => EventId(Uuid::now_v7()),
        }
    }

    /// The event, with everything that this context knows about it.
    pub fn envelope(&self, event_id: EventId, actor: Option<AccountId>, event: Event) -> Envelope {
        Envelope {
            event_id,
            event,
            time: Utc::now(),
            correlation_id: self.correlation_id.clone(),
            causation_id: None,
            actor,
            traceparent: self.traceparent.clone(),
        }
    }
}
