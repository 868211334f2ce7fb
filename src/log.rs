//! `anb log`: prints events as JSON lines.

mod filter;
pub(crate) mod line;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use anyhow::Result;
use domain::Position;
use infra::event_log::{EventLog, Record};

use crate::backing_services::BackingServicesArgs;
use crate::shutdown;
use filter::Filter;

/// Records per read.
const BATCH: usize = 1000;

/// Flags of `log`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    services: BackingServicesArgs,

    #[command(flatten)]
    filter: filter::FilterArgs,

    /// Print new events as they arrive, until Ctrl-C
    #[arg(long, short = 'f', help_heading = "Which events")]
    follow: bool,
}

pub(crate) async fn run(args: LogArgs) -> Result<()> {
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
    let mut from = filter.start(log.partitions());
    let mut unread = Unread::default();
    if !follow {
        let ends = log.end_offsets().await?;
        from.retain(|at| ends.get(at.partition as usize).is_some_and(|end| at.offset < *end));
        unread = Unread::of(&from, &ends);
    }
    if from.is_empty() {
        return Ok(());
    }
    let mut reader = log.read(&from).await?;
    while follow || !unread.is_empty() {
        let records = reader.next(BATCH).await?;
        let shown = records.iter().filter(|record| follow || unread.contains(record.position));
        let shown = shown.filter(|record| filter.admits(record));
        match write(shown, log.partitions()) {
            // The reader has closed the pipe.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        unread.pass(&records);
    }
    Ok(())
}

fn write<'a>(records: impl Iterator<Item = &'a Record>, partitions: u32) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for record in records {
        writeln!(out, "{}", line::of(record, partitions))?;
    }
    out.flush()
}

/// Unread partitions, each with the end offset (exclusive) that it had at the start.
#[derive(Default)]
struct Unread(BTreeMap<u32, u64>);

impl Unread {
    fn of(from: &[Position], ends: &[u64]) -> Self {
        Self(from.iter().map(|at| (at.partition, ends[at.partition as usize])).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains(&self, position: Position) -> bool {
        self.0.get(&position.partition).is_some_and(|end| position.offset < *end)
    }

    fn pass(&mut self, records: &[Record]) {
        for Position { partition, offset } in records.iter().map(|record| record.position) {
            if self.0.get(&partition).is_some_and(|end| offset + 1 >= *end) {
                self.0.remove(&partition);
            }
        }
    }
}
