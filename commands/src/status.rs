//! Asking for a verdict later.

use domain::{Rejection, Verdict};

use crate::{CommandError, Commands};

/// How a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// The projection has not come to it yet.
    Pending,
    /// It took effect.
    Accepted {
        /// For a vote: the votes of the video now.
        total_votes: Option<u64>,
    },
    /// It had no effect.
    Rejected(Rejection),
}

impl Commands {
    /// How the command behind `token` stands; `None` if no such token was ever issued.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] if the read models cannot be asked.
    pub async fn status(&self, token: &str) -> Result<Option<CommandStatus>, CommandError> {
        let Some(promise) = self.inner.tokens.read(token) else { return Ok(None) };
        let appended = (promise.position, promise.awaited);
        let verdicts = self.inner.parts.verdicts.verdicts(&[appended]).await?;
        Ok(Some(match verdicts.get(&promise.awaited.event_id) {
            None => CommandStatus::Pending,
            Some(Verdict::Accepted { total_votes }) => {
                CommandStatus::Accepted { total_votes: *total_votes }
            }
            Some(Verdict::Rejected(rejection)) => CommandStatus::Rejected(*rejection),
        }))
    }
}
