//! Moving a log: copies that are killed, targets that hold something else, export files that are damaged.

#![allow(missing_docs, clippy::unwrap_used)]

mod copies;
mod exports;
mod history;
mod memory_log;
