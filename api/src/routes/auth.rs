//! Signing up and signing in.

pub(super) mod login;
pub(super) mod signup;
