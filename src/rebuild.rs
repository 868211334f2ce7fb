//! `anb rebuild`: rebuilds every read model from the log, in a generation beside the live one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use projections::rebuild::{self, RebuildError, RebuildOptions, RebuildProgress, Rebuilt};
use tokio::sync::watch;

use crate::backing_services::{BackingServices, BackingServicesArgs};
use crate::checksums::print;
use crate::output::say;

/// Flags of `rebuild`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RebuildArgs {
    #[command(flatten)]
    services: BackingServicesArgs,

    /// Switch to the new generation even if it differs from the live one
    #[arg(long)]
    accept_differences: bool,

    /// Fold this log to its end and switch to it, although the live generation was folded from another one
    #[arg(long, conflicts_with_all = ["switch_back", "discard"])]
    adopt_log: bool,

    /// Switch back to the previous generation once it has caught up
    #[arg(long, conflicts_with_all = ["accept_differences", "discard"])]
    switch_back: bool,

    /// Drop the generations that are not live: the previous one, and an unfinished one
    #[arg(long, conflicts_with = "accept_differences")]
    discard: bool,
}

pub(crate) async fn run(args: &RebuildArgs) -> Result<()> {
    args.services.run(async |services| rebuild_or_discard(services, args).await).await
}

async fn rebuild_or_discard(services: &BackingServices, args: &RebuildArgs) -> Result<()> {
    let (pool, log) = (services.pool(), Arc::clone(&services.log));
    if args.discard {
        let dropped = rebuild::discard(pool).await?;
        return say(format_args!("{} generations dropped", dropped.len())).map_err(Into::into);
    }
    let started = Instant::now();
    let progress = watch::Sender::default();
    let shown = tokio::spawn(show(progress.subscribe()));
    let RebuildArgs { accept_differences, adopt_log, .. } = *args;
    let options =
        RebuildOptions { accept_differences, adopt_log, progress, ..RebuildOptions::default() };
    let rebuilt = if args.switch_back {
        rebuild::switch_back(pool, log, options).await
    } else {
        rebuild::rebuild(pool, log, options).await
    };
    shown.await?;
    if let Err(RebuildError::Different(differences)) = &rebuilt {
        differences.iter().try_for_each(say)?;
        say(
            "the live generation stays: --accept-differences replaces it, --discard drops the new one",
        )?;
    }
    summarize(&rebuilt?, started.elapsed())
}

/// Shows a progress bar until the sender is dropped.
async fn show(mut progress: watch::Receiver<RebuildProgress>) {
    let bar = ProgressBar::new(0);
    // The template is a valid constant.
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} records {per_sec} {eta}")
    {
        bar.set_style(style.progress_chars("━━ "));
    }
    while progress.changed().await.is_ok() {
        let RebuildProgress { generation, folded, target } = *progress.borrow_and_update();
        bar.set_message(format!("generation {generation}"));
        bar.set_length(target);
        bar.set_position(folded);
    }
    bar.finish_and_clear();
}

fn summarize(rebuilt: &Rebuilt, took: Duration) -> Result<()> {
    let Rebuilt { generation, retired, records, resumed, checksums, differences } = rebuilt;
    print(checksums)?;
    let how = if *resumed { ", resumed from an interrupted rebuild" } else { "" };
    say(format_args!("{records} records folded in {:.1} s{how}", took.as_secs_f64()))?;
    if differences.is_empty() {
        say("every read model is as it was before")?;
    } else {
        differences.iter().try_for_each(say)?;
    }
    say(format_args!(
        "generation {generation} is live; {retired} is kept (--switch-back, --discard)"
    ))
    .map_err(Into::into)
}
