//! Settings of the transcoder.

use std::num::NonZeroUsize;

/// Flags about the transcoder.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Contest")]
pub struct TranscoderArgs {
    /// Videos processed at the same time [default: half the processors, at least 1]
    #[arg(long, env, hide_env_values = true)]
    pub transcode_workers: Option<NonZeroUsize>,

    /// Make an adaptive stream (HLS) of each video, beside the one file; takes a quarter more processor time
    #[arg(long, env, hide_env_values = true,
          default_value = "true", num_args = 0..=1, default_missing_value = "true",
          require_equals = true, action = clap::ArgAction::Set)]
    pub hls: bool,

    /// Refuse to start a transcoder where the kernel cannot build its whole sandbox
    #[arg(long, env, hide_env_values = true,
          default_value = "false", num_args = 0..=1, default_missing_value = "true",
          require_equals = true, action = clap::ArgAction::Set)]
    pub require_sandbox: bool,
}

/// How this process transcodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscoderSettings {
    /// Videos processed at the same time.
    pub workers: NonZeroUsize,
    /// Whether each video also gets an adaptive stream.
    pub hls: bool,
    /// Whether the start fails where the kernel cannot build the whole sandbox.
    pub require_sandbox: bool,
}

impl TranscoderArgs {
    /// The settings, with the default number of workers filled in.
    pub fn parse(&self) -> TranscoderSettings {
        TranscoderSettings {
            workers: self.transcode_workers.unwrap_or_else(default_workers),
            hls: self.hls,
            require_sandbox: self.require_sandbox,
        }
    }
}

/// Half the processors: an encoder uses several threads, and requests need the rest.
fn default_workers() -> NonZeroUsize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN)
}
