//! `anb log export`: the log as a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use infra::event_log::EventLog;
use infra::log_transfer::{self, ExportSummary, LogSource, RecordSource};

use super::progress::TransferBar;
use super::stop::unless_stopped;
use crate::backing_services::BackingServicesArgs;

/// Flags of `log export`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    services: BackingServicesArgs,

    /// The file to create, or - for standard output. An existing file is never replaced
    file: PathBuf,
}

pub(super) async fn run(args: &ExportArgs) -> Result<()> {
    let exporting =
        args.services.run(async |services| export(services.log.as_ref(), &args.file).await);
    let summary = unless_stopped(exporting).await?;
    // Standard output may be the export itself.
    writeln!(io::stderr(), "exported {summary}").context("standard error")
}

async fn export(log: &dyn EventLog, path: &Path) -> Result<ExportSummary> {
    let source = LogSource::up_to_now(log).await?;
    let bar = TransferBar::new(source.records());
    let progress = |records| bar.set("exporting", records);
    if path == Path::new("-") {
        let out = BufWriter::new(io::stdout());
        return Ok(log_transfer::export(&source, out, &progress).await?);
    }
    let file = File::create_new(path).with_context(|| path.display().to_string())?;
    let summary = log_transfer::export(&source, BufWriter::new(&file), &progress).await?;
    file.sync_all().with_context(|| path.display().to_string())?;
    Ok(summary)
}
