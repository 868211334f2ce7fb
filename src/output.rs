//! Standard output of the commands. Logs go to standard error.

use std::io::{self, Write};

/// Prints a line. A closed pipe is no error.
pub(crate) fn say(line: impl std::fmt::Display) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
