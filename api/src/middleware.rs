//! What happens to every request, whichever route it takes.

mod drain;
mod headers;
mod observe;
mod request_id;

pub(crate) use drain::drain;
pub(crate) use headers::{cors, secure};
pub(crate) use observe::observe;
pub(crate) use request_id::RequestId;
