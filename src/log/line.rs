//! A record as one line of JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra::event_log::Record;
use serde_json::{Map, Value, json};

/// The line. An unreadable record is shown raw, with the reason.
pub(crate) fn of(record: &Record, partitions: u32) -> Value {
    let mut line = json!({
        "partition": record.position.partition,
        "offset": record.position.offset,
        "time": record.time().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    });
    let more = match record.open(partitions) {
        Ok(_) => readable(record),
        Err(error) => json!({ "problem": error.to_string(), "raw": raw(record) }),
    };
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    line
}

/// The event as it was written, before upcasting.
fn readable(record: &Record) -> Value {
    let text = |bytes| Value::from(String::from_utf8_lossy(bytes));
    let headers: Map<String, Value> =
        record.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let data: Option<Value> =
        record.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
    json!({
        "type": headers.get("ce_type"),
        "stream": record.key.as_deref().map(text),
        "headers": headers,
        "data": data,
    })
}

/// The record in base64.
fn raw(record: &Record) -> Value {
    let headers: Vec<(&str, String)> = record
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), STANDARD.encode(value)))
        .collect();
    json!({
        "key": record.key.as_ref().map(|key| STANDARD.encode(key)),
        "headers": headers,
        "value": record.value.as_ref().map(|value| STANDARD.encode(value)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use domain::event::VoteCast;
    use domain::{AccountId, Event, EventId, Position, VideoEvent, VideoId};
    use infra::event_log::envelope::Envelope;
    use uuid::Uuid;

    fn vote() -> Record {
        let voter = AccountId(Uuid::from_u128(1));
        let event = Event::Video(VideoId(Uuid::nil()), VideoEvent::VoteCast(VoteCast { voter }));
        let new = Envelope::new(EventId(Uuid::from_u128(9)), event).into_record().unwrap();
        Record {
            position: Position { partition: 0, offset: 4 },
            at: chrono::DateTime::UNIX_EPOCH,
            key: Some(Bytes::from(new.key)),
            headers: new.headers.into_iter().map(|(n, v)| (n, Bytes::from(v))).collect(),
            value: Some(new.value),
        }
    }

    #[test]
    fn an_event_is_shown_with_its_data() {
        let line = of(&vote(), 1);
        assert_eq!(line["type"], "anb.vote.cast");
        assert_eq!(line["stream"], "video-00000000-0000-0000-0000-000000000000");
        assert_eq!(line["time"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(line["data"]["voter"], "00000000-0000-0000-0000-000000000001");
        assert_eq!(line["headers"]["ce_specversion"], "1.0");
        assert_eq!(line["offset"], 4);
    }

    #[test]
    fn an_unreadable_record_is_shown_raw() {
        let record = Record { value: Some(Bytes::from_static(b"\xff\x00")), ..vote() };
        let line = of(&record, 1);
        assert_eq!(line["raw"]["value"], "/wA=");
        assert!(line["problem"].as_str().unwrap().starts_with("the value is no JSON"), "{line}");
        assert!(line.get("data").is_none());
    }
}
