//! What handlers take out of a request. Every extractor rejects with an [`crate::error::ApiError`].

mod actor;
mod body;
pub(crate) mod cookies;
mod form;
mod members;
mod path_id;
mod query;
mod request_context;

pub(crate) use actor::Actor;
pub(crate) use body::JsonObject;
pub(crate) use cookies::Cookies;
pub(crate) use form::WebForm;
pub(crate) use members::{Member, schema_of};
pub(crate) use path_id::{ArtistPath, PathId, VideoPath};
pub(crate) use query::{Paging, QueryFields};
pub(crate) use request_context::RequestContext;
