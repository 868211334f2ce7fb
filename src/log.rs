//! `anb log`: prints events as JSON lines.

mod filter;
pub(crate) mod line;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use anyhow::Result;
use domain::Position;
use infra::config::{DatabaseArgs, EventLogArgs};
use infra::event_log::{EventLog, Record};

use crate::backing_services::BackingServices;
use crate::shutdown;
use filter::Filter;

/// Records read at a time.
const BATCH: usize = 1000;

/// Flags of `log`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    event_log: EventLogArgs,

    #[command(flatten)]
    filter: filter::FilterArgs,

    /// Go on printing events as they come, until Ctrl-C
    #[arg(long, short = 'f', help_heading = "Which events")]
    follow: bool,
}

pub(crate) async fn run(args: LogArgs) -> Result<()> {
    let event_log = args.event_log.parse()?;
    let filter = args.filter.parse()?;
    filter.check_partitions(event_log.partitions())?;
    let stop = shutdown::on_signals()?;
    let services = BackingServices::open(&args.database.parse()?, &event_log).await?;
    let printed = tokio::select! {
        printed = print(services.log.as_ref(), &filter, args.follow) => printed,
        () = stop.cancelled() => Ok(()),
    };
    services.close().await;
    printed
}

async fn print(log: &dyn EventLog, filter: &Filter, follow: bool) -> Result<()> {
    let mut from = filter.start(log.partitions());
    let mut left = Left::default();
    if !follow {
        let ends = log.end_offsets().await?;
        from.retain(|at| ends.get(at.partition as usize).is_some_and(|end| at.offset < *end));
        left = Left::of(&from, &ends);
    }
    if from.is_empty() {
        return Ok(());
    }
    let mut reader = log.read(&from).await?;
    while follow || !left.is_empty() {
        let records = reader.next(BATCH).await?;
        let shown = records.iter().filter(|record| follow || left.contains(record.position));
        let shown = shown.filter(|record| filter.admits(record));
        match write(shown, log.partitions()) {
            // Whoever reads this has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        left.pass(&records);
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

/// What is still to be read: each partition up to the end that it had at the start (exclusive).
#[derive(Default)]
struct Left(BTreeMap<u32, u64>);

impl Left {
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
