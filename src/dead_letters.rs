//! `anb dead-letters`: lists, shows and redrives records that the projector could not read. The record is
//! in the log; the read model has a copy of it, its position and the reason.

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use domain::Position;
use infra::event_log::partition::partition_of;
use infra::event_log::{EventLog, NewRecord, Record};
use projections::queries::dead_letters;

use crate::backing_services::{BackingServices, BackingServicesArgs};
use crate::log::line;
use crate::output::say;

/// Flags of `dead-letters`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DeadLettersArgs {
    #[command(flatten)]
    services: BackingServicesArgs,

    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// List the position, the time and the reason of each dead letter
    List,
    /// Print one whole record, raw
    Show {
        /// Position, as partition:offset
        position: PositionArg,
    },
    /// Append a record again, in the partition of its key, once this version can read it
    ///
    /// The old record stays in the log. Repeating this is harmless, because an event counts once.
    Redrive {
        /// Position, as partition:offset
        position: PositionArg,
    },
}

/// `partition:offset`.
#[derive(Clone, Copy, Debug)]
struct PositionArg(Position);

impl FromStr for PositionArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let position = || {
            let (partition, offset) = text.split_once(':')?;
            let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
            Some(Self(Position { partition, offset }))
        };
        position().ok_or_else(|| "expected partition:offset, as in 3:141".to_owned())
    }
}

pub(crate) async fn run(args: DeadLettersArgs) -> Result<()> {
    args.services
        .run(async |services| match args.action {
            Action::List => list(services).await,
            Action::Show { position } => show(services.log.as_ref(), position.0).await,
            Action::Redrive { position } => redrive(services.log.as_ref(), position.0).await,
        })
        .await
}

async fn list(services: &BackingServices) -> Result<()> {
    let letters = dead_letters(services.pool()).await?;
    for letter in &letters {
        let at = letter.at.format("%Y-%m-%dT%H:%M:%SZ");
        say(format_args!("{:>10}  {at}  {}", letter.position.to_string(), letter.reason))?;
    }
    say(format_args!("{} dead letters", letters.len())).map_err(Into::into)
}

async fn show(log: &dyn EventLog, position: Position) -> Result<()> {
    let record = read(log, position).await?;
    say(line::of(&record, log.partitions())).map_err(Into::into)
}

async fn redrive(log: &dyn EventLog, position: Position) -> Result<()> {
    let mut record = read(log, position).await?;
    let Some(key) = record.key.clone() else {
        bail!("the record at {position} has no key, so it is no event")
    };
    record.position.partition = partition_of(&key, log.partitions());
    record
        .open(log.partitions())
        .with_context(|| format!("the record at {position} still cannot be read"))?;
    let appended = log.append(vec![copy(&record)?]).await.pop();
    let appended = appended.context("the log did not answer")??;
    say(format_args!("the record at {position} was appended again at {appended}"))
        .map_err(Into::into)
}

async fn read(log: &dyn EventLog, position: Position) -> Result<Record> {
    let ends = log.end_offsets().await?;
    let end = ends.get(position.partition as usize).copied().unwrap_or(0);
    if position.offset >= end {
        bail!("there is no record at {position}: partition {} ends at {end}", position.partition);
    }
    let mut reader = log.read(&[position]).await?;
    let mut records = reader.next(1).await?;
    let record = records.pop().filter(|record| record.position == position);
    record.with_context(|| format!("there is no record at {position}"))
}

/// A copy to append. A readable record has only text headers.
fn copy(record: &Record) -> Result<NewRecord> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).context("a header is not UTF-8");
    Ok(NewRecord {
        key: text(record.key.as_deref().unwrap_or_default())?,
        headers: record
            .headers
            .iter()
            .map(|(name, value)| Ok((name.clone(), text(value)?)))
            .collect::<Result<_>>()?,
        value: record.value.clone().unwrap_or_default(),
    })
}
