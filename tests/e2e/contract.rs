//! The HTTP contract, rule by rule.

mod authentication;
mod every_route;
mod fixture;
mod login;
mod own_videos;
mod public_videos;
mod ranking;
mod signup;
mod video_upload;
mod voting;
