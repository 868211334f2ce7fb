//! Messages as they go out: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use std::fmt;

use bytes::Bytes;
use projections::queries::RankingChanges;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::ApiError;
use crate::routes::public::rankings::Row;

/// Names an edition of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) process: Uuid,
    pub(super) edition: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.process.simple(), self.edition)
    }
}

impl Id {
    /// Reads what a client sends back.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (process, edition) = text.split_once('.')?;
        Some(Self { process: process.parse().ok()?, edition: edition.parse().ok()? })
    }
}

/// Finished bytes for any number of watchers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The edition that the watcher knows then.
    pub(super) edition: u64,
    pub(super) bytes: Bytes,
}

/// What has changed on a board.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardChange {
    /// Artists on the whole board.
    total: u64,
    /// Artists of whom something has changed, at their new positions, the best placed first. Everybody
    /// else keeps their order.
    rows: Vec<Row>,
    /// Artists who are not on the board any more.
    gone: Vec<Uuid>,
    /// Whether others have changed that stand behind all those listed.
    more: bool,
}

impl Message {
    /// The watcher knows the board as it is.
    pub(super) fn ready(id: Id) -> Self {
        Self::of("ready", id, "{}")
    }

    /// What the watcher knows is of no use: the page must be read anew.
    pub(super) fn reset(id: Id) -> Self {
        Self::of("reset", id, "{}")
    }

    /// Nothing new. It names the edition, and is no event for the page.
    pub(super) fn heartbeat(id: Id) -> Self {
        Self { edition: id.edition, bytes: format!("id: {id}\n\n").into() }
    }

    /// What has changed; `None` if nothing has.
    pub(super) fn change(process: Uuid, changes: RankingChanges) -> Result<Option<Self>, ApiError> {
        let RankingChanges { edition, total, artists, gone, more } = changes;
        if artists.is_empty() && gone.is_empty() {
            return Ok(None);
        }
        let rows = artists.into_iter().map(Row::from).collect();
        let gone = gone.into_iter().map(|artist| artist.0).collect();
        let json = serde_json::to_string(&BoardChange { total, rows, gone, more })
            .map_err(|error| ApiError::Internal(error.to_string()))?;
        Ok(Some(Self::of("change", Id { process, edition }, &json)))
    }

    /// JSON has no line breaks of its own, so the data are one line.
    fn of(event: &'static str, id: Id, json: &str) -> Self {
        metrics::counter!("anb_stream_messages_total", "event" => event).increment(1);
        let bytes = format!("event: {event}\nid: {id}\ndata: {json}\n\n").into();
        Self { edition: id.edition, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_as_it_was_sent() {
        let id = Id { process: Uuid::from_u128(7), edition: 42 };
        assert_eq!(Id::read(&id.to_string()), Some(id));
        for text in ["", ".", "42", "7.42.1", "x.42", &format!("{}.x", Uuid::nil())] {
            assert_eq!(Id::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_message_is_an_event_and_a_heartbeat_is_none() {
        let id = Id { process: Uuid::nil(), edition: 3 };
        let text = |message: Message| String::from_utf8(message.bytes.to_vec()).unwrap();
        let nil = Uuid::nil().simple();
        assert_eq!(text(Message::reset(id)), format!("event: reset\nid: {nil}.3\ndata: {{}}\n\n"));
        assert!(!text(Message::heartbeat(id)).contains("data"));
    }
}
