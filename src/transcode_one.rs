//! `anb transcode-one`: processes one video in a sandbox, as a child of the transcoder.

use std::process::ExitCode;

use transcoder::child_main::ChildTask;
use transcoder::pipeline::Outputs;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TranscodeOneArgs {
    /// Only report which sandbox layers this machine lacks
    #[arg(long)]
    check: bool,

    /// Fail if a sandbox layer is missing
    #[arg(long)]
    require_sandbox: bool,

    /// Also make an adaptive stream (HLS)
    #[arg(long)]
    hls: bool,
}

/// Must run while the process has a single thread: the sandbox applies to the calling thread.
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
