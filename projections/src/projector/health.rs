//! How a projector fares.

/// What a projector is doing, for readiness and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectorState {
    /// It has not begun yet.
    Starting,
    /// Other processes own every partition; this one waits to take over.
    Standby,
    /// It folds, and is so many records behind the end of the log.
    Running {
        /// Records not folded yet.
        lag: u64,
    },
    /// A fault that passes; it will begin anew.
    Retrying(String),
    /// It has stopped for good and needs a person: a defect, or a log that is not the one it knew.
    Stopped(String),
    /// It was asked to stop.
    Ended,
}
