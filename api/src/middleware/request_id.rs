//! The name of a request, in its answer, in the logs, and as the correlation id of its events.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

pub(super) const HEADER: &str = "x-request-id";
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
        let sound = |text: &&str| {
            (1..=MAX_LENGTH).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(sound);
        Self(given.map_or_else(|| Uuid::now_v7().to_string().into(), Arc::from))
    }

    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_harmless_id_is_taken_over() {
        let of = |value: &str| {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static(HEADER),
                HeaderValue::from_str(value).unwrap(),
            )]);
            RequestId::of(&headers).to_string()
        };
        assert_eq!(of("load-7_a.b"), "load-7_a.b");
        for value in ["", "with space", "{\"a\":1}", &"x".repeat(129)] {
            assert!(Uuid::parse_str(&of(value)).is_ok(), "{value}");
        }
    }
}
