//! Encoded messages: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use std::fmt;

use bytes::Bytes;
use projections::queries::RankingChanges;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::ApiError;
use crate::ranking_page::RankingRow;

/// A version of the boards, in the process that counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageId {
    pub(super) process: Uuid,
    pub(super) version: u64,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.process.simple(), self.version)
    }
}

impl MessageId {
    /// Parses what a client sends back.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (process, version) = text.split_once('.')?;
        Some(Self { process: process.parse().ok()?, version: version.parse().ok()? })
    }
}

/// An encoded message, shared by all subscribers of a board. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The version of the boards that the client has after this message.
    pub(super) version: u64,
    pub(super) bytes: Bytes,
}

/// What has changed on a board.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardChange {
    /// Artists on the whole board.
    total: u64,
    /// Artists with a change, at their new positions, the best placed first. The order of all other
    /// artists stays.
    rows: Vec<RankingRow>,
    /// Artists who are no longer on the board.
    gone: Vec<Uuid>,
    /// Whether there are further changes, all of them behind the listed artists.
    more: bool,
}

impl Message {
    /// The client's version of the board is up to date.
    pub(super) fn ready(id: MessageId) -> Self {
        Self::new("ready", id, "{}")
    }

    /// The client's version is unknown or too old: it must load its page again.
    pub(super) fn reset(id: MessageId) -> Self {
        Self::new("reset", id, "{}")
    }

    /// Keeps the connection alive. Without a data field, browsers dispatch no event.
    pub(super) fn heartbeat(id: MessageId) -> Self {
        Self { version: id.version, bytes: format!("id: {id}\n\n").into() }
    }

    /// What has changed up to the version of `id`. `None` if nothing has.
    pub(super) fn change(id: MessageId, changes: RankingChanges) -> Result<Option<Self>, ApiError> {
        let RankingChanges { total, artists, gone, more, .. } = changes;
        if artists.is_empty() && gone.is_empty() {
            return Ok(None);
        }
        let rows = artists.into_iter().map(RankingRow::from).collect();
        let gone = gone.into_iter().map(|artist| artist.0).collect();
        let json = serde_json::to_string(&BoardChange { total, rows, gone, more })
            .map_err(ApiError::internal)?;
        Ok(Some(Self::new("change", id, &json)))
    }

    /// `json` must be one line. JSON escapes line breaks inside strings.
    fn new(event: &'static str, id: MessageId, json: &str) -> Self {
        metrics::counter!("anb_stream_messages_total", "event" => event).increment(1);
        let bytes = format!("event: {event}\nid: {id}\ndata: {json}\n\n").into();
        Self { version: id.version, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_parsed_as_it_was_written() {
        let id = MessageId { process: Uuid::from_u128(7), version: 42 };
        assert_eq!(MessageId::parse(&id.to_string()), Some(id));
        for text in ["", ".", "42", "7.42.1", "x.42", &format!("{}.x", Uuid::nil())] {
            assert_eq!(MessageId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_heartbeat_has_no_data_field() {
        let id = MessageId { process: Uuid::nil(), version: 3 };
        let text = |message: Message| String::from_utf8(message.bytes.to_vec()).unwrap();
        let nil = Uuid::nil().simple();
        assert_eq!(text(Message::reset(id)), format!("event: reset\nid: {nil}.3\ndata: {{}}\n\n"));
        assert!(!text(Message::heartbeat(id)).contains("data"));
    }
}
