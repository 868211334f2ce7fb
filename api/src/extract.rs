//! What handlers take out of a request. Every extractor answers with an [`crate::error::ApiError`].

mod actor;
mod body;
mod circumstances;
mod fields;
mod form;
mod path_id;
mod query;

pub(crate) use actor::{Actor, People};
pub(crate) use body::JsonObject;
pub(crate) use circumstances::Circumstances;
pub(crate) use fields::Fields;
pub(crate) use form::WebForm;
pub(crate) use path_id::{ArtistPath, PathId, VideoPath};
pub(crate) use query::{Paging, QueryFields};
