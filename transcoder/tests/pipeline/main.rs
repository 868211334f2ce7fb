//! The pipeline on real clips: made with Debian's `ffmpeg`, looked at with `ffprobe`.
#![expect(clippy::unwrap_used, reason = "what these helpers unwrap is part of the tests")]

mod broken;
mod clip;
mod finished;
mod formats;
mod picture;
mod poster;
mod sound;
mod time;
