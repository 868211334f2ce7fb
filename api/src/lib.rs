//! The API: the contest over HTTP.
//!
//! This crate holds routes, extractors, errors as responses, access tokens, the OpenAPI document and
//! the HTML pages. One endpoint per file. Imports run one way: foundations (`error`, `extract`,
//! `middleware`, the caches, `state`) ← `routes`, `live`, `web` ← `app`.
//!
//! Not here: a rule of the contest (see `domain`), an append to the log (see `commands`), SQL (see
//! `projections::queries`), a write to a read model.

mod app;
mod authenticator;
mod error;
mod extract;
mod health;
pub mod http_settings;
mod live;
mod media_urls;
mod middleware;
mod openapi;
mod page_cache;
mod ranking_page;
mod request_id;
mod request_metrics;
mod response_cache;
mod routes;
mod state;
mod text;
mod token;
mod tus;
mod verified_tokens;
mod web;

pub use app::{Api, ApiDependencies, ApiSettings, StartError, build, openapi_document};
pub use health::{Check, Health};
pub use live::Disconnect;
