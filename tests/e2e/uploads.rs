//! Resumable uploads: the protocol rule by rule, interruptions, and crashes between steps.

mod crash_points;
mod interruptions;
mod state;
mod tus_protocol;
