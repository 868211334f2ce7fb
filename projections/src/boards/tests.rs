//! The boards, compared with a list that is sorted again each time.

mod contest;
mod directory;
mod properties;
mod readers;
mod size;
