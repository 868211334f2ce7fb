//! The name of a request, in its answer, in the logs, and as the correlation id of its events.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

/// The caller's own id if it is harmless, else a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = given(headers).and_then(|value| value.to_str().ok());
        Self(given.map_or_else(|| Uuid::now_v7().to_string().into(), Arc::from))
    }

    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }

    /// The same as a header, without the way through a name.
    pub(crate) fn header_of(headers: &HeaderMap) -> HeaderValue {
        given(headers).cloned().unwrap_or_else(|| {
            let mut text = Uuid::encode_buffer();
            let text = Uuid::now_v7().hyphenated().encode_lower(&mut text);
            // Hex digits are fit for a header.
            HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unnamed"))
        })
    }
}

/// What the caller sends, if it is harmless.
fn given(headers: &HeaderMap) -> Option<&HeaderValue> {
    let sound = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    headers
        .get(HEADER)
        .filter(|value| (1..=MAX_LENGTH).contains(&value.len()))
        .filter(|value| value.as_bytes().iter().all(sound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_harmless_id_is_taken_over() {
        let of = |value: &str| {
            let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_str(value).unwrap())]);
            let id = RequestId::of(&headers).to_string();
            let header = RequestId::header_of(&headers);
            assert_eq!(header.to_str().unwrap() == id, id == value, "taken over or not, both ways");
            id
        };
        assert_eq!(of("load-7_a.b"), "load-7_a.b");
        for value in ["", "with space", "{\"a\":1}", &"x".repeat(129)] {
            assert!(Uuid::parse_str(&of(value)).is_ok(), "{value}");
        }
    }

    #[test]
    fn every_request_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> =
            (0..1_000).map(|_| RequestId::of(&HeaderMap::new()).to_string()).collect();
        assert_eq!(names.len(), 1_000);
    }
}
