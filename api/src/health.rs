//! The port of readiness. The binary implements it: only it knows all parts.

use async_trait::async_trait;

/// The state of one part of the system that requests depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The part: `database`, `log`, `projection`, `storage`, `process`.
    pub name: &'static str,
    /// What is wrong with it, without secrets; `None` if it works.
    pub problem: Option<String>,
    /// What of it does not work while it serves the other requests, without secrets.
    pub impairment: Option<String>,
}

impl Check {
    /// Makes it from the result of a check.
    pub fn of<E: std::fmt::Display>(name: &'static str, result: Result<(), E>) -> Self {
        Self::with(name, result.err().map(|error| error.to_string()))
    }

    /// A part that works, or has this problem.
    pub fn with(name: &'static str, problem: Option<String>) -> Self {
        Self { name, problem, impairment: None }
    }
}

/// Checks the parts that requests depend on. It answers within a few seconds, even if a part hangs.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// The state of every part.
    async fn checks(&self) -> Vec<Check>;
}
