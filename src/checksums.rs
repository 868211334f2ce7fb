//! `anb checksums`: prints a checksum per read model.

use std::collections::BTreeMap;

use anyhow::Result;
use infra::config::DatabaseArgs;
use projections::checksum::{Checksum, checksums};

use crate::backing_services::Database;
use crate::output::say;

pub(crate) async fn run(args: &DatabaseArgs) -> Result<()> {
    let database = Database::open(&args.parse()?).await?;
    let sums = checksums(&database.pool).await;
    database.close().await;
    print(&sums?)
}

/// Prints one line per read model: name, rows, digest.
pub(crate) fn print(sums: &BTreeMap<&'static str, Checksum>) -> Result<()> {
    for (table, Checksum { rows, digest }) in sums {
        say(format_args!("{table:<16} {rows:>10} rows  {digest}"))?;
    }
    Ok(())
}
