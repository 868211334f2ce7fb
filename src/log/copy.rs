//! `anb log copy`: the log in another log.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use infra::config::{
    DatabaseArgs, EventLogArgs, EventLogKind, EventLogSettings, KafkaArgs, Secret,
};
use infra::event_log::EventLog;
use infra::log_transfer::{LogSource, RecordSource, Transfer, TransferOptions, Transferred};
use tokio_util::sync::CancellationToken;

use super::progress::TransferBar;
use super::stop::unless_stopped;
use crate::backing_services::{BackingServices, Database, open_log};
use crate::output::say;
use crate::shutdown;

/// The time between two passes of a copy that follows the log.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// Flags of `log copy`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CopyArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    event_log: EventLogArgs,

    #[command(flatten)]
    target: TargetArgs,

    /// Leave out records that no log can append, such as those without a key
    #[arg(long)]
    skip_unreadable: bool,

    /// Go on copying what arrives until Ctrl-C, then copy the rest and end
    #[arg(long, short = 'f')]
    follow: bool,
}

/// Flags about the log to copy to. All other settings of its kind are those of the source.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Log to copy to")]
struct TargetArgs {
    /// Where the copy is kept
    #[arg(long)]
    to_event_log: EventLogKind,

    /// Brokers of the copy, as host:port,host:port [default: KAFKA_BROKERS]
    #[arg(long)]
    to_kafka_brokers: Option<String>,

    /// Topic of the copy; created if it does not exist [default: anb.events.v1]
    #[arg(long)]
    to_kafka_topic: Option<String>,

    /// Migrated database of the copy [default: the usual database]
    #[arg(long)]
    to_database_url: Option<Secret>,

    /// Partitions of the copy [default: LOG_PARTITIONS]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    to_log_partitions: Option<u32>,
}

impl CopyArgs {
    /// The settings of the target's log and database.
    fn target(&self) -> Result<(EventLogSettings, DatabaseArgs)> {
        let to = &self.target;
        let mut event_log = self.event_log.clone();
        event_log.event_log = to.to_event_log;
        event_log.kafka = self.target_kafka()?;
        event_log.log_partitions = to.to_log_partitions.unwrap_or(event_log.log_partitions);
        let database_url =
            to.to_database_url.clone().or_else(|| self.database.database_url.clone());
        let database = DatabaseArgs { database_url, ..self.database.clone() };
        Ok((event_log.parse()?, database))
    }

    /// The target's settings of Kafka: brokers and security of the source, unless others are given.
    fn target_kafka(&self) -> Result<KafkaArgs> {
        let to = &self.target;
        if to.to_event_log == EventLogKind::Postgres {
            return Ok(KafkaArgs::default());
        }
        let mut kafka = self.event_log.kafka.clone();
        kafka.kafka_brokers = to.to_kafka_brokers.clone().or(kafka.kafka_brokers);
        kafka.kafka_topic = to.to_kafka_topic.clone();
        if kafka.kafka_brokers.is_none() {
            bail!("--to-event-log kafka needs --to-kafka-brokers");
        }
        Ok(kafka)
    }
}

pub(super) async fn run(args: &CopyArgs) -> Result<()> {
    if args.follow {
        return summarize(&open_and_copy(args, Some(shutdown::on_signals()?)).await?);
    }
    summarize(&unless_stopped(open_and_copy(args, None)).await?)
}

async fn open_and_copy(args: &CopyArgs, until: Option<CancellationToken>) -> Result<Transferred> {
    let (from_database, from_log) = (args.database.parse()?, args.event_log.parse()?);
    let (to_log, to_database) = args.target()?;
    let to_database = to_database.parse()?;
    let is_same_log = match (&from_log, &to_log) {
        (EventLogSettings::Postgres { .. }, EventLogSettings::Postgres { .. }) => {
            from_database == to_database
        }
        (from, to) => from.place() == to.place(),
    };
    if is_same_log {
        bail!("source and target are the same log");
    }
    let source = BackingServices::open(&from_database, &from_log).await?;
    let copied = async {
        let separate = match to_database == from_database {
            true => None,
            false => Some(Database::open(&to_database).await.context("the target's database")?),
        };
        let pool = separate.as_ref().map_or(source.pool(), |database| &database.pool);
        let copied = match open_log(pool, &to_log).await.context("the target log") {
            Ok(target) => {
                let options = TransferOptions { skip_unreadable: args.skip_unreadable };
                copy(source.log.as_ref(), target.as_ref(), options, until).await
            }
            Err(error) => Err(error),
        };
        if let Some(database) = separate {
            database.close().await;
        }
        copied
    }
    .await;
    source.close().await;
    copied
}

/// Copies once, or until the token is cancelled, and then the rest.
async fn copy(
    from: &dyn EventLog,
    to: &dyn EventLog,
    options: TransferOptions,
    until: Option<CancellationToken>,
) -> Result<Transferred> {
    let mut transfer = Transfer::new(to, options);
    let source = LogSource::up_to_now(from).await?;
    let bar = TransferBar::new(source.records());
    let progress = |progress| bar.show(progress);
    transfer.pass(&source, &progress).await?;
    if let Some(stop) = until {
        bar.clear();
        writeln!(io::stderr(), "following the log; Ctrl-C copies the rest and ends")?;
        loop {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(FOLLOW_INTERVAL) => {}
            }
            // The last pass begins after the signal, so it copies what was acknowledged before.
            let is_last = stop.is_cancelled();
            transfer.pass(&LogSource::up_to_now(from).await?, &|_| ()).await?;
            if is_last {
                break;
            }
        }
    }
    Ok(transfer.end())
}

/// Prints what was appended, what was left out, and what both logs hold.
pub(super) fn summarize(transferred: &Transferred) -> Result<()> {
    let Transferred { appended, holds, left_out } = transferred;
    say(format_args!("{appended} records appended"))?;
    if !left_out.is_empty() {
        say(format_args!("left out: {left_out}"))?;
    }
    say(format_args!("equal: {holds}")).map_err(Into::into)
}
