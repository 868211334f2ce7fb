//! The body of a request, bounded in size and in time: a JSON object.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::error::{ApiError, BodyError, Problem};

/// The longest body that is not an upload.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Such a body must arrive within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// The members of the JSON object in the body.
#[derive(Debug)]
pub(crate) struct JsonObject(pub(crate) Map<String, Value>);

impl<S: Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = read(body).await?;
        if bytes.is_empty() {
            return Err(ApiError::problem(Problem::body_missing()));
        }
        // A body with another declared type is a text, not an object.
        if !may_be_json(&parts.headers) {
            return Err(ApiError::problem(Problem::not_an_object()));
        }
        parse(&bytes).map(Self).map_err(ApiError::problem)
    }
}

/// Reads the whole of a body that is not an upload.
pub(super) async fn read(body: Body) -> Result<Bytes, ApiError> {
    let body = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Err(_) => Err(BodyError::Timeout.into()),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge.into()),
        Ok(Err(_)) => Err(BodyError::Broken.into()),
    }
}

fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(CONTENT_TYPE) else { return true };
    let declared = declared.to_str().unwrap_or_default().to_ascii_lowercase();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    essence.is_empty()
        || essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::not_an_object()),
        Err(error) => {
            let at = characters_before(bytes, error.line(), error.column());
            let text = error.to_string();
            let what = text.split(" at line ").next().unwrap_or("Expecting value");
            Err(Problem::json_invalid(at, what))
        }
    }
}

/// The characters before a line and column, both counted from 1, the column in bytes.
fn characters_before(bytes: &[u8], line: usize, column: usize) -> usize {
    let starts = std::iter::once(0)
        .chain(bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1));
    let start = starts.take(line.max(1)).last().unwrap_or(0);
    let end = (start + column.saturating_sub(1)).min(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Loc;

    #[test]
    fn only_a_json_object_is_accepted() {
        assert!(parse(br#"{"a": 1}"#).is_ok());
        for text in ["[]", "\"a\"", "1", "null"] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().kind, "model_attributes_type", "{text}");
        }
        let deep = "[".repeat(10_000);
        let broken = ["{", "{\"a\":}", "nope", "\"\\ud800\"", "{\"a\":1e999}", deep.as_str()];
        for text in broken {
            assert_eq!(parse(text.as_bytes()).unwrap_err().kind, "json_invalid", "{text:.20}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}").unwrap_err().kind, "json_invalid");
    }

    #[test]
    fn the_position_of_a_syntax_error_counts_characters() {
        let problem = parse("{\"ñ\":\n }".as_bytes()).unwrap_err();
        assert_eq!(problem.loc[1], Loc::Index(7));
    }

    async fn extract(body: Body, content_type: Option<&str>) -> Result<JsonObject, ApiError> {
        let mut request = Request::builder();
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        JsonObject::from_request(request.body(body).unwrap(), &()).await
    }

    #[tokio::test]
    async fn only_a_json_content_type_is_accepted() {
        for good in
            [None, Some("application/json; charset=utf-8"), Some("application/x+json"), Some("")]
        {
            assert!(extract(Body::from("{}"), good).await.is_ok(), "{good:?}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "json"] {
            assert!(extract(Body::from("{}"), Some(bad)).await.is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_rejected() {
        let of = |bytes: usize| Body::from(format!("{{}}{}", " ".repeat(bytes - 2)));
        assert!(extract(of(MAX_BODY_BYTES), None).await.is_ok());
        let refused = extract(of(MAX_BODY_BYTES + 1), None).await;
        assert!(matches!(refused, Err(ApiError::Body(BodyError::TooLarge))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_times_out() {
        let body = Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
        assert!(matches!(extract(body, None).await, Err(ApiError::Body(BodyError::Timeout))));
    }
}
