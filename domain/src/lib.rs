//! The rules of the contest, and nothing else.
//!
//! This room holds what is true whatever the machinery around it: which streams and events exist,
//! how they are written down, how the log is folded into the state of the contest, which events the
//! fold rejects, and in which order artists rank.
//!
//! Never in here: `async`, I/O, a clock, randomness, SQL, HTTP. The same events in give the same
//! state out, in every process and in every replay.

pub mod contest;
pub mod event;
pub mod fold;
pub mod id;
pub mod object_keys;
pub mod position;
pub mod ranking;
pub mod rejection;
pub mod text;
pub mod verdict;

pub use contest::{Account, Changes, Contest, ErasedAccount, Term, Video, VideoStatus, Vote};
pub use event::{AccountEvent, Event, Recorded, VideoEvent};
pub use id::{AccountId, EmailKey, EventId, StreamId, VideoId};
pub use position::Position;
pub use rejection::Rejection;
pub use verdict::{Outcome, Verdict};

/// A moment in UTC. Rules only ever see the log's own append time, never a caller's clock.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
