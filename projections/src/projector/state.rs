//! The state of a projector, for readiness checks.

/// What a projector is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectorState {
    /// It has not started yet.
    Starting,
    /// Other processes own every partition; this one waits to take over.
    Standby,
    /// It folds.
    Running {
        /// Records up to the end of the log that are not folded yet.
        lag: u64,
    },
    /// A transient fault happened; it restarts soon.
    Retrying(String),
    /// A permanent fault happened: a defect, or a log that is not the one it knew. An operator must act.
    Stopped(String),
    /// It was asked to stop.
    Ended,
}
