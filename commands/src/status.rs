//! Asking later for the verdict of a command.

use domain::{Rejection, Verdict};
use ports::verdicts::{FoldedEvent, report_passed};

use crate::commands::Commands;
use crate::error::CommandError;

/// The status of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// The projection has not folded its event yet.
    Pending,
    /// It took effect.
    Accepted {
        /// For a vote: the current votes of the video.
        total_votes: Option<u64>,
    },
    /// It had no effect.
    Rejected(Rejection),
}

impl Commands {
    /// The status of the command behind `token`; `None` if no such token was ever issued.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] if the read models cannot be asked, or if they do not say what became
    /// of an event that the projection has passed.
    pub async fn status(&self, token: &str) -> Result<Option<CommandStatus>, CommandError> {
        let Some(payload) = self.inner.tokens.read(token) else { return Ok(None) };
        let appended = (payload.position, payload.awaited);
        let event_id = payload.awaited.event_id;
        let mut folded = self.inner.dependencies.verdicts.verdicts(&[appended]).await?;
        Ok(Some(match folded.remove(&event_id) {
            None => CommandStatus::Pending,
            Some(FoldedEvent::Decided(Verdict::Accepted { total_votes })) => {
                CommandStatus::Accepted { total_votes }
            }
            Some(FoldedEvent::Decided(Verdict::Rejected(rejection))) => {
                CommandStatus::Rejected(rejection)
            }
            Some(FoldedEvent::Missing) => {
                return Err(report_passed(event_id, payload.position).into());
            }
        }))
    }
}
