//! The vocabulary of tus 1.0.0, the protocol of resumable uploads:
//! <https://tus.io/protocols/resumable-upload>. The endpoints are in `routes::uploads`.

pub(crate) mod headers;
pub(crate) mod version;
