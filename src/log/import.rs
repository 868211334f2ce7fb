//! `anb log import`: a log from a file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use infra::log_transfer::{ExportFile, TransferOptions, Transferred, transfer};
use tempfile::NamedTempFile;

use super::copy::summarize;
use super::progress::TransferBar;
use super::stop::unless_stopped;
use crate::backing_services::{BackingServices, BackingServicesArgs};

/// Flags of `log import`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    services: BackingServicesArgs,

    /// Leave out records that no log can append, such as those without a key
    #[arg(long)]
    skip_unreadable: bool,

    /// The export, or - for standard input
    file: PathBuf,
}

pub(super) async fn run(args: &ImportArgs) -> Result<()> {
    let options = TransferOptions { skip_unreadable: args.skip_unreadable };
    let importing = args.services.run(async |services| {
        if args.file != Path::new("-") {
            return import(services, &args.file, options).await;
        }
        // The file is read twice, and standard input can be read once.
        let file = NamedTempFile::new().context("a temporary file")?;
        let copy = file.reopen()?;
        tokio::task::spawn_blocking(move || spool(copy)).await?.context("standard input")?;
        import(services, file.path(), options).await
    });
    summarize(&unless_stopped(importing).await?)
}

async fn import(
    services: &BackingServices,
    path: &Path,
    options: TransferOptions,
) -> Result<Transferred> {
    let file = ExportFile::open(path).await?;
    let bar = TransferBar::new(None);
    Ok(transfer(&file, services.log.as_ref(), options, &|progress| bar.show(progress)).await?)
}

fn spool(mut file: File) -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut file)?;
    file.sync_all()
}
