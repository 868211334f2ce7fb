//! Checks of the repository itself, run by `make lint`: one-way imports, plain prose, and paths in the
//! documents that exist.
//!
//! Not here: checks that `rustfmt`, clippy or `cargo deny` already make.

pub mod imports;
pub mod paths;
pub mod prose;
pub mod tree;
