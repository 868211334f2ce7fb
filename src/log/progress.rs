//! The progress bar of a transfer, on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use infra::log_transfer::Progress;

/// A bar that is shown on terminals only. Dropping it removes it.
pub(super) struct TransferBar(ProgressBar);

impl TransferBar {
    /// A bar for so many records, if their number is known.
    pub(super) fn new(records: Option<u64>) -> Self {
        let bar = ProgressBar::new(records.unwrap_or(0));
        // The template is a valid constant.
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} records {per_sec} {eta}")
        {
            bar.set_style(style.progress_chars("━━ "));
        }
        Self(bar)
    }

    pub(super) fn show(&self, progress: Progress) {
        match progress {
            Progress::Compared(records) => self.set("comparing", records),
            Progress::Appended(records, of) => {
                self.0.set_length(of);
                self.set("appending", records);
            }
        }
    }

    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }

    pub(super) fn set(&self, what: &'static str, records: u64) {
        self.0.set_message(what);
        self.0.set_position(records);
    }
}

impl Drop for TransferBar {
    fn drop(&mut self) {
        self.clear();
    }
}
