//! A defect must not take the connection down, let alone the process.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::error::ApiError;

/// The answer, or one that says that there was a defect.
pub(super) async fn survive(answer: impl Future<Output = Response>) -> Response {
    // Whatever the handler was in the middle of is dropped with it.
    let answered = AssertUnwindSafe(answer).catch_unwind().await;
    answered.unwrap_or_else(|panic| ApiError::Internal(text_of(panic.as_ref())).into_response())
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
