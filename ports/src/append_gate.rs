//! The gate before the log: whether this process may append, and which events.
//!
//! A watcher keeps it current; every append asks it. It closes when the log is not the one that the read
//! models were folded from. It holds back an event that a running projector cannot read, so processes can
//! be upgraded in any order.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use domain::EventType;

/// The newest readable version of each event type. A type that is missing cannot be read.
pub type ReadableVersions = BTreeMap<EventType, u32>;

/// Why the gate holds an event back. The event was not appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateClosed {
    /// The log is not the one that was folded.
    #[error("{0}")]
    OtherLog(String),
    /// A projector would have to stop at the event.
    #[error(
        "version {version} of `{}` is held back until every running projector can read it: \
         upgrade the processes with the role `projector`",
        event_type.code()
    )]
    Unreadable {
        /// The type of the event.
        event_type: EventType,
        /// The version that this process writes.
        version: u32,
    },
}

/// The gate of one process. A new one lets everything pass.
#[derive(Debug, Default)]
pub struct AppendGate {
    state: RwLock<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    log_problem: Option<String>,
    closings: u64,
    readable: Option<ReadableVersions>,
}

impl AppendGate {
    /// Closes the gate because of the log, or opens it again.
    pub fn set_log_problem(&self, problem: Option<String>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if problem.is_some() && state.log_problem.is_none() {
            state.closings += 1;
        }
        state.log_problem = problem;
    }

    /// How often the gate has closed because of the log. What a process remembers of votes from before may
    /// not be true of the log that was adopted since.
    pub fn closings(&self) -> u64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).closings
    }

    /// Sets what every running projector can read; `None` if nothing is known.
    pub fn set_readable(&self, readable: Option<ReadableVersions>) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).readable = readable;
    }

    /// Why the log must not be appended to, if it must not.
    pub fn log_problem(&self) -> Option<String> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).log_problem.clone()
    }

    /// Whether an event of this type may be appended, in the version that this process writes.
    ///
    /// # Errors
    /// [`GateClosed`]
    pub fn check(&self, event_type: EventType) -> Result<(), GateClosed> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = &state.log_problem {
            return Err(GateClosed::OtherLog(problem.clone()));
        }
        let version = event_type.newest_version();
        match &state.readable {
            Some(readable) if readable.get(&event_type).is_none_or(|newest| *newest < version) => {
                Err(GateClosed::Unreadable { event_type, version })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_a_projector_cannot_read_is_held_back() {
        let gate = AppendGate::default();
        assert_eq!(gate.check(EventType::VideoProcessed), Ok(()));
        let older = BTreeMap::from([(EventType::VideoProcessed, 1), (EventType::VoteCast, 1)]);
        gate.set_readable(Some(older));
        assert_eq!(gate.check(EventType::VoteCast), Ok(()));
        for event_type in [EventType::VideoProcessed, EventType::VideoUploaded] {
            let version = event_type.newest_version();
            let closed = Err(GateClosed::Unreadable { event_type, version });
            assert_eq!(gate.check(event_type), closed);
        }
    }

    #[test]
    fn another_log_closes_the_gate_until_the_log_is_back() {
        let gate = AppendGate::default();
        gate.set_log_problem(Some("another log".to_owned()));
        let closed = Err(GateClosed::OtherLog("another log".to_owned()));
        assert_eq!(gate.check(EventType::VoteCast), closed);
        assert_eq!(gate.closings(), 1);
        gate.set_log_problem(None);
        assert_eq!(gate.check(EventType::VoteCast), Ok(()));
        assert_eq!(gate.closings(), 1);
    }
}
