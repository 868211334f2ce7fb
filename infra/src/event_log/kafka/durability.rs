//! Whether an acknowledged event survives the loss of a broker.
//!
//! `acks=all` means "all replicas that are in sync". On a topic with one copy, or with
//! `min.insync.replicas=1`, that can be a single disk.

use std::fmt;

use crate::event_log::OpenError;

/// The settings that decide about it, as the brokers report them.
pub(super) struct Durability {
    /// The smallest number of copies of a partition.
    pub(super) replication: usize,
    /// `min.insync.replicas`; `None` if the broker does not tell.
    pub(super) min_insync: Option<u32>,
    /// `unclean.leader.election.enable`; `None` if the broker does not tell.
    pub(super) unclean_election: Option<bool>,
}

/// A setting under which an acknowledged event can be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weakness {
    SingleCopy,
    /// An acknowledgement needs fewer than two copies.
    MinInsync(Option<u32>),
    UncleanElection,
}

impl Durability {
    pub(super) fn weaknesses(&self) -> Vec<Weakness> {
        let copies = (self.replication < 2).then_some(Weakness::SingleCopy);
        let is_weak = self.min_insync.is_none_or(|copies| copies < 2);
        let min_insync = is_weak.then_some(Weakness::MinInsync(self.min_insync));
        let unclean = self.unclean_election.unwrap_or(true).then_some(Weakness::UncleanElection);
        copies.into_iter().chain(min_insync).chain(unclean).collect()
    }

    /// Warns of weak settings, or rejects them if durability is required.
    pub(super) fn check(&self, topic: &str, required: bool) -> Result<(), OpenError> {
        let weaknesses = self.weaknesses();
        if weaknesses.is_empty() {
            return Ok(());
        }
        let all: Vec<String> = weaknesses.iter().map(Weakness::to_string).collect();
        let all = all.join("; ");
        if required {
            return Err(OpenError::Misconfigured(format!(
                "REQUIRE_DURABLE_LOG is set, and topic `{topic}` could lose acknowledged events: {all}"
            )));
        }
        tracing::warn!(topic, weak = all, "the loss of a broker could lose acknowledged events");
        Ok(())
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SingleCopy => f.write_str(
                "replication factor 1 (reassign its partitions to three brokers, \
                 or copy the log to a topic with replication factor 3)",
            ),
            Self::MinInsync(found) => {
                let found = found.map_or_else(|| "unknown".to_owned(), |found| found.to_string());
                write!(f, "min.insync.replicas={found} (set it to 2 on the topic)")
            }
            Self::UncleanElection => f.write_str(
                "unclean.leader.election.enable is not false (set it to false on the topic)",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURABLE: Durability =
        Durability { replication: 3, min_insync: Some(2), unclean_election: Some(false) };

    #[test]
    fn three_copies_of_which_two_acknowledge_are_durable() {
        assert_eq!(DURABLE.weaknesses(), []);
        assert!(DURABLE.check("events", true).is_ok());
    }

    #[test]
    fn each_weak_setting_is_named_with_its_remedy() {
        let weak = Durability { replication: 1, min_insync: Some(1), unclean_election: Some(true) };
        assert!(weak.check("events", false).is_ok(), "only a warning");
        let error = weak.check("events", true).unwrap_err().to_string();
        for part in ["`events`", "replication factor 1 (", "min.insync.replicas=1 (", "unclean."] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_the_broker_does_not_tell_counts_as_weak() {
        let unknown = Durability { min_insync: None, unclean_election: None, ..DURABLE };
        let wanted = [Weakness::MinInsync(None), Weakness::UncleanElection];
        assert_eq!(unknown.weaknesses(), wanted);
    }
}
