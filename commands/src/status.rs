//! Asking later for the verdict of a command.

use domain::{Rejection, Verdict};

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
    /// [`CommandError::Unavailable`] if the read models cannot be asked.
    pub async fn status(&self, token: &str) -> Result<Option<CommandStatus>, CommandError> {
        let Some(payload) = self.inner.tokens.read(token) else { return Ok(None) };
        let appended = (payload.position, payload.awaited);
        let verdicts = self.inner.dependencies.verdicts.verdicts(&[appended]).await?;
        Ok(Some(match verdicts.get(&payload.awaited.event_id) {
            None => CommandStatus::Pending,
            Some(Verdict::Accepted { total_votes }) => {
                CommandStatus::Accepted { total_votes: *total_votes }
            }
            Some(Verdict::Rejected(rejection)) => CommandStatus::Rejected(*rejection),
        }))
    }
}
