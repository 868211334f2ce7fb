//! The pipeline on generated clips: the `ffmpeg` command makes them, `ffprobe` checks the results.
#![expect(clippy::unwrap_used, reason = "what these helpers unwrap is part of the tests")]

mod adaptive_stream;
mod broken;
mod clip;
mod colour;
mod finished;
mod formats;
mod limits;
mod picture;
mod poster;
mod sound;
mod time;
