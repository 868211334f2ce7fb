//! Errors with their causes, for log lines and for errors that carry text.

use std::error::Error;

/// The error and its causes, outermost first, joined by `: `. A cause whose text the error before it
/// already ends with is left out.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
