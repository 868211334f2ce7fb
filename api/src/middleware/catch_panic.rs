//! Turns a panic into a 500, so that it takes down neither the connection nor the process.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::error::ApiError;

/// The response of `answer`, or a 500 if it panics.
pub(super) async fn catch_panic(answer: impl Future<Output = Response>) -> Response {
    // Unwind safe: the state of the request is dropped with its future.
    let answered = AssertUnwindSafe(answer).catch_unwind().await;
    answered.unwrap_or_else(|panic| {
        ApiError::internal(format!("panic: {}", message_of(panic.as_ref()))).into_response()
    })
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
