//! Tests of the pool and of the check of a server, on real servers.

#![expect(clippy::unwrap_used, reason = "what these helpers unwrap is part of the tests")]

mod pgbouncer;
mod pool;
mod server_check;
