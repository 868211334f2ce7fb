//! What the SDK's errors say to a person.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error_chain::error_chain;
use crate::object_storage::StorageError;

/// The store could not do it: `doing` says what, the server's own code and message why.
pub(super) fn unavailable<E>(doing: &str, error: &SdkError<E, HttpResponse>) -> StorageError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    StorageError::Unavailable(format!("{doing}: {}", describe(error)))
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
        (None, _, None) => error_chain(error),
    }
}
