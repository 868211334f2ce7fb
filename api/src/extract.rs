//! What handlers take out of a request. Every extractor answers with an [`crate::error::ApiError`].

mod actor;
mod body;
mod circumstances;
mod fields;
mod query;
mod video_id;

pub(crate) use actor::{Actor, People};
pub(crate) use body::JsonObject;
pub(crate) use circumstances::Circumstances;
pub(crate) use fields::Fields;
pub(crate) use query::QueryFields;
pub(crate) use video_id::VideoPath;
