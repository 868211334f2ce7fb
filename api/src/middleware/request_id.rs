//! The name of a request, in its answer, in the logs, and as the correlation id of its events.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The caller's own id if it is harmless, else a new one. As a header, since that is what becomes of
/// every one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(HeaderValue);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or("unnamed"))
    }
}

impl RequestId {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(given(headers).cloned().unwrap_or_else(|| {
            let mut text = Uuid::encode_buffer();
            let text = Uuid::now_v7().hyphenated().encode_lower(&mut text);
            // Hex digits are fit for a header.
            HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unnamed"))
        }))
    }

    /// The id of the request that is being answered; `-` outside of one.
    pub(crate) fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or(Self(HeaderValue::from_static("-")))
    }

    /// Makes it the current one for as long as `answer` takes.
    pub(super) async fn during<T>(self, answer: impl Future<Output = T>) -> T {
        CURRENT.scope(self, answer).await
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
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
            RequestId::of(&headers).to_string()
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

    #[tokio::test]
    async fn the_current_one_is_known_while_its_request_is_answered() {
        let id = RequestId::of(&HeaderMap::new());
        let seen = id.clone().during(async { RequestId::current() }).await;
        assert_eq!(seen, id);
        assert_eq!(RequestId::current().to_string(), "-");
    }
}
