//! Standard output: what a command was asked to print. Logs go to standard error.

use std::io::{self, Write};

/// Prints a line. A reader that has gone away is no error.
pub(crate) fn say(line: impl std::fmt::Display) -> io::Result<()> {
    gone_is_fine(writeln!(io::stdout().lock(), "{line}"))
}

/// Turns "nobody reads any more" into success.
pub(crate) fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
