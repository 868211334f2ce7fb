//! Sign-up and sign-in.

pub(crate) mod login;
pub(crate) mod signup;
