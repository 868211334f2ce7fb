//! `anb migrate`: applies the missing migrations.

use anyhow::Result;
use infra::config::DatabaseArgs;

use crate::backing_services::Database;
use crate::output::say;

pub(crate) async fn run(args: &DatabaseArgs) -> Result<()> {
    let database = Database::open(&args.parse()?).await?;
    let migrated = infra::database::migrate(&database.pool).await;
    database.close().await;
    migrated?;
    say("the schema is up to date").map_err(Into::into)
}
