//! Signing up and signing in.

pub(crate) mod login;
pub(crate) mod signup;
