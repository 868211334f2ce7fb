//! The context of a command.

use chrono::Utc;
use domain::{AccountId, Event, EventId};
use infra::event_log::envelope::Envelope;
use uuid::Uuid;

/// Where a command comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandContext {
    /// The id of the request.
    pub correlation_id: Option<String>,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// The client's idempotency key: a retry with the same key counts once.
    pub idempotency_key: Option<String>,
}

impl CommandContext {
    /// The id of the event. With an idempotency key it is the same for every retry: a UUIDv5 of the
    /// actor, the command, its subject, and the key.
    pub fn event_id(&self, actor: Uuid, command: &str, subject: &str) -> EventId {
        match &self.idempotency_key {
            Some(key) => EventId::derived(actor, &format!("{command}\n{subject}\n{key}")),
            None => EventId(Uuid::now_v7()),
        }
    }

    /// The event in an envelope that carries this context.
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
