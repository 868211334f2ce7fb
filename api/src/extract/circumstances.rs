//! The circumstances of a command: whose request, which trace, which key against repetition.

use axum::extract::FromRequestParts;
use commands::CommandContext;
use http::request::Parts;

use crate::error::{ApiError, Place, Problem};
use crate::middleware::RequestId;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const MAX_KEY: usize = 255;

/// What a command is told about its request.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances(pub(crate) CommandContext);

impl<S: Sync> FromRequestParts<S> for Circumstances {
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
    let sound = (1..=MAX_KEY).contains(&bytes.len()) && bytes.iter().all(printable);
    match value.to_str() {
        Ok(key) if sound && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => {
            let what = "one key of 1 to 255 printable ASCII characters is expected";
            Err(ApiError::problem(Problem::value(Place::Header, IDEMPOTENCY_KEY, what)))
        }
    }
}

/// Version 00 of W3C Trace Context, section 3.2: version, trace id, parent id and flags in lower-case
/// hex, neither id all zeros.
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
    fn an_idempotency_key_is_short_and_printable() {
        let longest = [b'k'; MAX_KEY];
        assert_eq!(key_of(&[]).unwrap(), None);
        assert_eq!(key_of(&[b"a key"]).unwrap().as_deref(), Some("a key"));
        assert!(key_of(&[&longest]).is_ok());
        let cases: [&[&[u8]]; 5] =
            [&[b""], &[&[b'k'; MAX_KEY + 1]], &[b"with\ttab"], &[b"\xc3\xb1"], &[b"a", b"b"]];
        for values in cases {
            assert!(key_of(values).is_err(), "{values:?}");
        }
    }

    #[test]
    fn only_a_sound_traceparent_is_passed_on() {
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
