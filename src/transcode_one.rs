//! `anb transcode-one`: processes one video in a sandbox, as the transcoder's child.

use std::process::ExitCode;

use transcoder::child_main::ChildTask;
use transcoder::pipeline::Outputs;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TranscodeOneArgs {
    /// Only say which parts of the sandbox this machine cannot build
    #[arg(long)]
    check: bool,

    /// Refuse to work without any of them
    #[arg(long)]
    require_sandbox: bool,

    /// Make an adaptive stream as well
    #[arg(long)]
    hls: bool,
}

/// Must be called while the process has one thread only.
pub(crate) fn run(args: &TranscodeOneArgs) -> ExitCode {
    let outputs = if args.hls { Outputs::FileAndStream } else { Outputs::File };
    let task = match args {
        TranscodeOneArgs { check: true, .. } => ChildTask::Check,
        TranscodeOneArgs { require_sandbox: true, .. } => ChildTask::ProcessConfined(outputs),
        TranscodeOneArgs { .. } => ChildTask::Process(outputs),
    };
    match transcoder::child_main::run(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
