//! The pipeline on real clips: made with Debian's `ffmpeg`, looked at with `ffprobe`.
#![expect(clippy::unwrap_used, reason = "what these helpers unwrap is part of the tests")]

mod broken;
mod clip;
mod colour;
mod finished;
mod formats;
mod limits;
mod picture;
mod poster;
mod sound;
mod stream;
mod time;
