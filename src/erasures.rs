//! `anb erasures`: keeps erased people erased when an older backup is restored.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use commands::{KnownErasure, ReappliedErasures, reapply_erasures};
use domain::{AccountId, EmailKey, EventId, EventType, Timestamp};
use infra::event_log::{EventLog, Record};
use infra::log_transfer::{LogSource, RecordPass, RecordSource};
use projections::queries::erased_accounts;
use serde::{Deserialize, Serialize};

use crate::backing_services::{BackingServices, BackingServicesArgs};
use crate::output::say;

/// Flags of `erasures`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ErasuresArgs {
    #[command(flatten)]
    services: BackingServicesArgs,

    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Print all erasures as JSON lines: ids and pseudonyms, no personal data
    ///
    /// Keep the newest list apart from the backups.
    List,
    /// Erase people again whom a restored backup still knows
    ///
    /// Run it after a restore and before any server starts. It may be repeated.
    Apply {
        /// What `anb erasures list` printed before the restore
        file: PathBuf,
    },
}

/// One line of the list.
#[derive(Debug, Serialize, Deserialize)]
struct ErasureLine {
    account_id: AccountId,
    email_key: EmailKey,
    event_id: EventId,
    erased_at: Timestamp,
}

pub(crate) async fn run(args: &ErasuresArgs) -> Result<()> {
    args.services
        .run(async |services| match &args.action {
            Action::List => list(services).await,
            Action::Apply { file } => apply(services, file).await,
        })
        .await
}

async fn list(services: &BackingServices) -> Result<()> {
    for erased in erased_accounts(services.pool()).await? {
        let line = ErasureLine {
            account_id: erased.account,
            email_key: erased.email,
            event_id: erased.event_id,
            erased_at: erased.at,
        };
        say(serde_json::to_string(&line)?)?;
    }
    Ok(())
}

async fn apply(services: &BackingServices, path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let erasures = parse(&text).with_context(|| path.display().to_string())?;
    let log = services.log.as_ref();
    let in_log = erasures_in(log).await?;
    let done = reapply_erasures(log, services.pool(), &erasures, &in_log).await?;
    let ReappliedErasures { appended, personal_data } = done;
    say(format_args!(
        "{} erasures: {appended} appended to the log, {personal_data} rows of personal data deleted",
        erasures.len()
    ))
    .map_err(Into::into)
}

fn parse(text: &str) -> Result<Vec<KnownErasure>> {
    let line = |(number, line): (usize, &str)| {
        let parsed = serde_json::from_str::<ErasureLine>(line);
        let line = parsed.with_context(|| format!("line {}", number + 1))?;
        let email = EmailKey::parse(line.email_key.as_str());
        let email = email.with_context(|| format!("line {}: no email key", number + 1))?;
        Ok(KnownErasure { account: line.account_id, email, event_id: line.event_id })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}

/// The ids of the erasures that the log has.
async fn erasures_in(log: &dyn EventLog) -> Result<HashSet<EventId>> {
    let source = LogSource::up_to_now(log).await?;
    let mut pass = source.read(&source.beginning()).await?;
    let mut found = HashSet::new();
    loop {
        let records = pass.next().await?;
        if records.is_empty() {
            return Ok(found);
        }
        found.extend(records.iter().filter_map(|record| erasure(record, log.partitions())));
    }
}

fn erasure(record: &Record, partitions: u32) -> Option<EventId> {
    let recorded = record.open(partitions).ok()?;
    let is_erasure = recorded.event.event_type() == EventType::AccountErased;
    is_erasure.then_some(recorded.event_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_printed() {
        let line = ErasureLine {
            account_id: AccountId(uuid::Uuid::from_u128(1)),
            email_key: EmailKey::derive(&[0; 32], "ana@example.com"),
            event_id: EventId(uuid::Uuid::from_u128(2)),
            erased_at: Timestamp::UNIX_EPOCH,
        };
        let text = serde_json::to_string(&line).unwrap();
        let known = parse(&format!("{text}\n\n")).unwrap();
        assert_eq!(known.len(), 1);
        assert_eq!((known[0].account, &known[0].email), (line.account_id, &line.email_key));
        let broken = text.replace(line.email_key.as_str(), "ana@example.com");
        assert_eq!(parse(&broken).unwrap_err().to_string(), "line 1: no email key");
    }
}
