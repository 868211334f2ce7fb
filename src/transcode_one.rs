//! `anb transcode-one`: processes one video in a sandbox, as the transcoder's child.

use std::process::ExitCode;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TranscodeOneArgs {}

pub(crate) fn run(_args: &TranscodeOneArgs) -> ExitCode {
    ExitCode::FAILURE
}
