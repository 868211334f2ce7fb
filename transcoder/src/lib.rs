//! The transcoder: makes of every uploaded original a video that every browser plays.
//!
//! A row in `transcode_jobs` is a job. A [`worker`] claims it and takes a lease on it ([`queue`]),
//! fetches the original, and has a child process ([`child`], [`child_main`]) do the dangerous part:
//! the media pipeline ([`pipeline`]) on a stranger's file, inside a sandbox ([`sandbox`]). What came of
//! it is appended to the log; the fold decides.
//!
//! Never in here: HTTP, a rule that the fold should decide, a write to a read-model table, a call of
//! the `ffmpeg` command.

pub mod child;
pub mod child_main;
pub mod demo_clip;
mod hls;
pub mod pipeline;
pub mod queue;
pub mod report;
pub mod sandbox;
pub mod settings;
pub mod worker;
