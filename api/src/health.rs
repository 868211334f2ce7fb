//! What readiness asks. The composition root knows the parts, and answers.

use async_trait::async_trait;

/// One part of the system that requests depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is: `database`, `log`, `projection`, `storage`, `process`.
    pub name: &'static str,
    /// What is wrong with it, in a few words without secrets; `None` if nothing is.
    pub problem: Option<String>,
}

impl Check {
    /// From the result of trying.
    pub fn of<E: std::fmt::Display>(name: &'static str, result: Result<(), E>) -> Self {
        Self { name, problem: result.err().map(|error| error.to_string()) }
    }
}

/// Tries whether the parts work right now. An answer comes within a few seconds, whatever hangs.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// All parts, each with its state.
    async fn checks(&self) -> Vec<Check>;
}
