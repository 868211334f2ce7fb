//! The id of a request: in its response, in the logs, and as the correlation id of its events.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, in requests and responses.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids of callers are replaced. In bytes.
const MAX_CALLER_ID_BYTES: usize = 128;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The caller's own id if it is safe to log and to echo, else a new UUIDv7. Stored as a header value,
/// because every response carries it as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(HeaderValue);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or("unnamed"))
    }
}

impl RequestId {
    /// The id of the request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(caller_id(headers).cloned().unwrap_or_else(|| {
            let mut text = Uuid::encode_buffer();
            let text = Uuid::now_v7().hyphenated().encode_lower(&mut text);
            // Never fails: hex digits and hyphens are valid in a header.
            HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unnamed"))
        }))
    }

    /// The id of the request that this task answers; `-` outside of a request.
    pub(crate) fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or(Self(HeaderValue::from_static("-")))
    }

    /// Makes this the [current](Self::current) id while `answer` runs.
    pub(crate) async fn scope<T>(self, answer: impl Future<Output = T>) -> T {
        CURRENT.scope(self, answer).await
    }

    /// As the value of [`HEADER`].
    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

/// The caller's id, if it is short and of letters, digits, `-`, `_` and `.` only.
fn caller_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    headers
        .get(HEADER)
        .filter(|value| (1..=MAX_CALLER_ID_BYTES).contains(&value.len()))
        .filter(|value| value.as_bytes().iter().all(is_safe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_safe_caller_id_is_kept() {
        let of = |value: &str| {
            let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_str(value).unwrap())]);
            RequestId::of(&headers).to_string()
        };
        assert_eq!(of("load-7_a.b"), "load-7_a.b");
        for value in ["", "with space", "{\"a\":1}", &"x".repeat(129)] {
            assert!(Uuid::parse_str(&of(value)).is_ok(), "{value}");
        }
    }

    #[test]
    fn every_request_gets_a_unique_id() {
        let ids: std::collections::HashSet<_> =
            (0..1_000).map(|_| RequestId::of(&HeaderMap::new()).to_string()).collect();
        assert_eq!(ids.len(), 1_000);
    }

    #[tokio::test]
    async fn the_current_id_is_known_inside_its_scope_only() {
        let id = RequestId::of(&HeaderMap::new());
        let seen = id.clone().scope(async { RequestId::current() }).await;
        assert_eq!(seen, id);
        assert_eq!(RequestId::current().to_string(), "-");
    }
}
