//! `anb transcode-one`: processes one video in a sandbox, as the transcoder's child.

use std::process::ExitCode;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TranscodeOneArgs {}

/// Must be called while the process has one thread only.
pub(crate) fn run(_args: &TranscodeOneArgs) -> ExitCode {
    match transcoder::transcode_one::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
