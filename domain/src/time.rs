//! Time, as rules see it.

/// A moment in UTC. Rules use the log's append time, never the clock of a caller.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
