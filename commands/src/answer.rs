//! The answer to a command.

use crate::token::CommandToken;

/// How a command ended, as far as its request can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// It took effect.
    Done(T),
    /// Its event is in the log, but the verdict is not known yet. The token asks for it later.
    Pending(CommandToken),
}
