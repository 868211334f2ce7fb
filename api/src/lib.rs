//! The API: the contest over HTTP.
//!
//! This room holds routes, extractors, the mapping of errors to answers, tokens, the OpenAPI
//! document and the pages that show it. One endpoint per file.
//!
//! Never in here: a rule of the contest (that is `domain`'s), an append to the log (that is
//! `commands`'), SQL (ask `projections::queries`), a write to a read model.

mod app;
mod error;
mod extract;
mod health;
pub mod http_settings;
mod live;
mod middleware;
mod openapi;
mod pages;
mod routes;
mod text;
mod token;
mod web;

pub use app::{Api, App, Settings, StartError, build};
pub use health::{Check, Health};
pub use live::Disconnect;
pub use openapi::document as openapi_document;
