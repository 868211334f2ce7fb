//! Prints events as JSON lines.

use std::io::{self, BufWriter, Write};

use anyhow::Result;
use infra::event_log::{EventLog, Record};
use infra::log_transfer::{LogSource, RecordPass};

use super::filter::{Filter, FilterArgs};
use super::line;
use crate::backing_services::BackingServicesArgs;
use crate::shutdown;

/// Records per read.
const BATCH: usize = 1000;

/// Flags of `log` without a subcommand.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PrintArgs {
    #[command(flatten)]
    services: BackingServicesArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// Print new events as they arrive, until Ctrl-C
    #[arg(long, short = 'f', help_heading = "Which events")]
    follow: bool,
}

pub(super) async fn run(args: PrintArgs) -> Result<()> {
    let filter = args.filter.parse()?;
    filter.check_partitions(args.services.event_log.parse()?.partitions())?;
    let stop = shutdown::on_signals()?;
    args.services
        .run(async |services| {
            tokio::select! {
                printed = print(services.log.as_ref(), &filter, args.follow) => printed,
                () = stop.cancelled() => Ok(()),
            }
        })
        .await
}

async fn print(log: &dyn EventLog, filter: &Filter, follow: bool) -> Result<()> {
    let printed =
        if follow { print_new(log, filter).await } else { print_existing(log, filter).await };
    match printed {
        // The reader has closed the pipe.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        printed => printed,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn print_existing(log: &dyn EventLog, filter: &Filter) -> Result<()> {
    let start = filter.start(log.partitions());
    let from = start.iter().map(|at| (at.partition, at.offset)).collect();
    let mut pass = LogSource::up_to_now(log).await?.read(&from).await?;
    loop {
        let records = pass.next().await?;
        if records.is_empty() {
            return Ok(());
        }
        write(&records, filter, log.partitions())?;
    }
}

async fn print_new(log: &dyn EventLog, filter: &Filter) -> Result<()> {
    let mut reader = log.read(&filter.start(log.partitions())).await?;
    loop {
        write(&reader.next(BATCH).await?, filter, log.partitions())?;
    }
}

fn write(records: &[Record], filter: &Filter, partitions: u32) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for record in records.iter().filter(|record| filter.admits(record)) {
        writeln!(out, "{}", line::of(record, partitions))?;
    }
    out.flush()
}
