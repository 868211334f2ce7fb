//! The rules of the contest:
//!
//! - streams and events, and how events are encoded,
//! - how the log folds into the state of the contest, and which events the fold rejects,
//! - in which order artists rank.
//!
//! Not here: `async`, I/O, a clock, randomness, SQL, HTTP. The same events give the same state in
//! every process and in every replay.

mod codes;
pub mod container;
pub mod contest;
pub mod event;
pub mod fold;
pub mod id;
pub mod object_keys;
pub mod position;
pub mod ranking;
pub mod rejection;
pub mod text;
pub mod time;
pub mod verdict;
pub mod video;

pub use contest::{Account, Changes, Contest, ErasedAccount, OperatorGrant, Vote};
pub use event::{AccountEvent, Event, EventType, Recorded, VideoEvent};
pub use id::{AccountId, EmailKey, EventId, StreamId, VideoId};
pub use position::Position;
pub use rejection::Rejection;
pub use time::Timestamp;
pub use verdict::{FoldOutcome, Verdict};
pub use video::{Video, VideoState, VideoStatus};
