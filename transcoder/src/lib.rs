//! The transcoder: turns each uploaded original into a video that every browser plays.
//!
//! A row of `transcode_jobs` is a job. A [`worker`] claims it and holds a lease on it ([`queue`]). It
//! fetches the original and starts a child process ([`child`], [`child_main`]). The child enters the
//! [`sandbox`] and runs the media [`pipeline`] on the untrusted file. The worker stores the result and
//! appends the outcome to the log. The fold decides what the outcome means.
//!
//! Not here: HTTP, rules that the fold decides, writes to read-model tables, calls of the `ffmpeg`
//! command.

pub mod child;
pub mod child_main;
pub mod child_protocol;
pub mod demo_clip;
pub mod failure;
pub mod finished_video;
mod hls;
pub mod pipeline;
pub mod queue;
pub mod sandbox;
pub mod settings;
pub mod worker;
