//! `anb rebuild`: every read model anew from the log, held against what was there before.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use infra::config::{DatabaseArgs, EventLogArgs};
use projections::checksum::{Checksum, checksums};
use projections::projector::{ProjectionError, Projector};
use projections::rebuild::rebuild;
use projections::store::postgres::PostgresStore;
use tokio::sync::watch;

use crate::checksums::print;
use crate::output::say;
use crate::world::World;

/// Flags of `rebuild`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RebuildArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    event_log: EventLogArgs,
}

type Checksums = BTreeMap<&'static str, Checksum>;

pub(crate) async fn run(args: &RebuildArgs) -> Result<ExitCode> {
    let world = World::open(&args.database.parse()?, &args.event_log.parse()?).await?;
    let done = compare(&world).await;
    world.close().await;
    done
}

async fn compare(world: &World) -> Result<ExitCode> {
    let before = match catch_up(world).await {
        Ok(()) => Some(checksums(world.pool()).await?),
        // Perhaps the very reason for the rebuild.
        Err(error) => {
            say(format_args!(
                "the read models cannot be brought up to date ({error}), so nothing to compare with"
            ))?;
            None
        }
    };
    let started = Instant::now();
    let records = rebuild(world.pool(), Arc::clone(&world.log)).await?;
    let seconds = started.elapsed().as_secs_f64();
    let after = checksums(world.pool()).await?;
    print(&after)?;
    say(format_args!("{records} records folded in {seconds:.1} s"))?;
    match before.map(|before| different(&before, &after)) {
        Some(tables) if tables.is_empty() => say("every read model is as it was before")?,
        Some(tables) => bail!("different from before: {}", tables.join(", ")),
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Folds what the read models have not seen yet, so that before and after speak of the same log.
async fn catch_up(world: &World) -> Result<(), ProjectionError> {
    let store = PostgresStore::new(world.pool().connect_options());
    let mut projector = Projector::new(Arc::clone(&world.log), store, None, watch::Sender::new(0));
    projector.catch_up().await.map(|_| ())
}

fn different(before: &Checksums, after: &Checksums) -> Vec<&'static str> {
    after.iter().filter(|(table, sum)| before.get(*table) != Some(sum)).map(|(t, _)| *t).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_model_differs_by_rows_or_digest() {
        let sums = |votes: &str| -> Checksums {
            let sum = |digest: &str| Checksum { rows: 1, digest: digest.to_owned() };
            BTreeMap::from([("accounts", sum("1-1")), ("votes", sum(votes))])
        };
        assert!(different(&sums("2-2"), &sums("2-2")).is_empty());
        assert_eq!(different(&sums("2-2"), &sums("2-3")), ["votes"]);
    }
}
