//! What the SDK's errors say to an operator.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::object_storage::StorageError;

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {reason}")]
struct S3Error<E: Error + 'static> {
    /// The operation, such as "reading an object".
    doing: String,
    /// The server's code and message, or why there was no answer.
    reason: String,
    source: E,
}

/// Turns a failure of the operation `doing` into one of the store.
pub(super) fn unavailable<E>(doing: &str) -> impl FnOnce(SdkError<E, HttpResponse>) -> StorageError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let doing = doing.to_owned();
    move |source| {
        let reason = describe(&source);
        StorageError::unavailable(S3Error { doing, reason, source })
    }
}

fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    match (error.code(), error.message(), status) {
        (Some(code), Some(message), _) => format!("{code} ({message})"),
        (Some(code), None, _) => code.to_owned(),
        // Answers to HEAD have no body that could carry a code.
        (None, _, Some(status)) => format!("HTTP status {status}"),
        (None, _, None) => chain(error),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
