//! The pipeline on real clips: made with Debian's `ffmpeg`, looked at with `ffprobe`.

mod broken;
mod clip;
mod finished;
mod formats;
mod picture;
mod poster;
mod sound;
mod time;
