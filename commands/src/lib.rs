//! Commands: what people may ask the contest to do.
//!
//! Each command validates what needs no history and rejects early what the read models already know
//! to be impossible. Then it appends its event, waits until the projection has folded it, and reads
//! the verdict. The order in the log decides every race, so there is no lock and no transaction here.
//!
//! Not here: HTTP, a write to a read-model table, a rule that the fold should decide.

mod answer;
mod body_meter;
mod command_outcomes;
mod commands;
mod context;
mod delete;
mod email_secret;
mod erase;
mod error;
mod idempotency_keys;
mod login;
mod operators;
mod original;
mod password;
mod personal_data;
mod reapply_erasures;
mod register;
mod resumable;
mod status;
mod sweep;
mod token;
mod upload;
mod vote;
mod vote_cache;

pub use answer::Answer;
pub use body_meter::Checksum;
pub use commands::{CommandDependencies, CommandSettings, Commands};
pub use context::CommandContext;
pub use email_secret::{EmailSecret, EmailSecretError};
pub use error::{CommandError, StoreOriginalError};
pub use operators::{Operators, RoleChange, RoleChangeOutcome};
pub use original::StoredOriginal;
pub use reapply_erasures::{KnownErasure, ReappliedErasures, reapply_erasures};
pub use register::Registration;
pub use resumable::{
    AppendedPiece, NewUpload, Piece, ResumableError, ResumableUpload, UploadId,
    report_upload_metrics,
};
pub use status::CommandStatus;
pub use sweep::{Sweeper, Swept};
pub use token::CommandToken;
pub use upload::{NewVideo, UploadedVideo};
