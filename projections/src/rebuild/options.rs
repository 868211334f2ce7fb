//! Options and progress of a rebuild.

use tokio::sync::watch;

/// Records that are folded into one transaction at most. Large, since no client waits for verdicts here.
const MAX_BATCH: usize = 16_384;

/// Options of a rebuild.
#[derive(Clone, Debug)]
pub struct RebuildOptions {
    /// Whether the next generation becomes live even if it differs from the live one.
    pub accept_differences: bool,
    /// Whether the log is folded to its end and becomes the log of the read models. The live generation may
    /// have been folded from another one.
    pub adopt_log: bool,
    /// Records that are folded into one transaction at most.
    pub max_batch: usize,
    /// Receives the progress.
    pub progress: watch::Sender<RebuildProgress>,
}

impl Default for RebuildOptions {
    fn default() -> Self {
        Self {
            accept_differences: false,
            adopt_log: false,
            max_batch: MAX_BATCH,
            progress: watch::Sender::default(),
        }
    }
}

/// The progress of a rebuild.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildProgress {
    /// The generation that is being built.
    pub generation: i64,
    /// Records folded into it.
    pub folded: u64,
    /// Records that the live generation has folded.
    pub target: u64,
}
