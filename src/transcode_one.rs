//! `anb transcode-one`: processes one video in a sandbox, as the transcoder's child.

use std::process::ExitCode;

use transcoder::pipeline::Product;
use transcoder::transcode_one::Task;

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
    let product = if args.hls { Product::FileAndStream } else { Product::File };
    let task = match args {
        TranscodeOneArgs { check: true, .. } => Task::Check,
        TranscodeOneArgs { require_sandbox: true, .. } => Task::ProcessConfined(product),
        TranscodeOneArgs { .. } => Task::Process(product),
    };
    match transcoder::transcode_one::run(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
