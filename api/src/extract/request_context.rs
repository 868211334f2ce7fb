//! The context of a command: the ids of its request and trace, and its idempotency key.

use axum::extract::FromRequestParts;
use commands::CommandContext;
use http::request::Parts;

use crate::error::{ApiError, Problem, RequestPart};
use crate::request_id::RequestId;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The longest idempotency key, in bytes. Named in an error text below.
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// What a command records about its request.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext(pub(crate) CommandContext);

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Self(CommandContext {
            correlation_id: parts.extensions.get::<RequestId>().map(ToString::to_string),
            traceparent: text("traceparent").filter(|t| is_traceparent(t)).map(str::to_owned),
            idempotency_key: idempotency_key(parts)?,
        }))
    }
}

fn idempotency_key(parts: &Parts) -> Result<Option<String>, ApiError> {
    let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let bytes = value.as_bytes();
    let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let is_valid =
        (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&bytes.len()) && bytes.iter().all(printable);
    match value.to_str() {
        Ok(key) if is_valid && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => {
            let what = "one key of 1 to 255 printable ASCII characters is expected";
            Err(ApiError::problem(Problem::value(RequestPart::Header, IDEMPOTENCY_KEY, what)))
        }
    }
}

/// Whether a text is a `traceparent` of version 00: W3C Trace Context, section 3.2. Trace id, parent id
/// and flags are lower-case hex, and neither id is all zeros.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return false };
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    *version == "00"
        && hex(trace, 32)
        && hex(parent, 16)
        && hex(flags, 2)
        && !zero(trace)
        && !zero(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn key_of(values: &[&[u8]]) -> Result<Option<String>, ApiError> {
        let mut request = Request::builder();
        for value in values {
            request = request.header(IDEMPOTENCY_KEY, *value);
        }
        idempotency_key(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn an_idempotency_key_is_one_short_printable_value() {
        let longest = [b'k'; MAX_IDEMPOTENCY_KEY_BYTES];
        assert_eq!(key_of(&[]).unwrap(), None);
        assert_eq!(key_of(&[b"a key"]).unwrap().as_deref(), Some("a key"));
        assert!(key_of(&[&longest]).is_ok());
        let cases: [&[&[u8]]; 5] = [
            &[b""],
            &[&[b'k'; MAX_IDEMPOTENCY_KEY_BYTES + 1]],
            &[b"with\ttab"],
            &[b"\xc3\xb1"],
            &[b"a", b"b"],
        ];
        for values in cases {
            assert!(key_of(values).is_err(), "{values:?}");
        }
    }

    #[test]
    fn only_a_valid_traceparent_is_recorded() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
