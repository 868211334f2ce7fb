//! The tables of a generation: created, moved and dropped together.

use domain::fold;
use infra::database::to_int;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::{Generation, GenerationState, in_state, migrations, schema_of};

/// The tables of a generation. A rebuild touches no others.
const TABLES: [&str; 11] = [
    "checkpoints",
    "accounts",
    "operator_terms",
    "videos",
    "votes",
    "rejections",
    "ranking",
    "ranking_head",
    "ranking_changes",
    "transcode_jobs",
    "dead_letters",
];
/// A view belongs to the generation whose tables it reads. The version before reads `people`.
const VIEWS: [&str; 2] = ["visible_persons", "people"];

/// The `statement_timeout` of the statement that takes the locks of a switch, in milliseconds. Readers
/// queue behind a waiting switch. `lock_timeout` would bound each of the locks, but not their sum: after a
/// second Postgres looks for deadlocks, and may end a reader.
const LOCK_STATEMENT_TIMEOUT_MS: u32 = 400;

/// The schema of the live generation.
pub(crate) async fn home(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(r#"select quote_ident(current_schema()) as "home!""#)
        .fetch_one(connection)
        .await
}

/// Creates an empty generation of this version's fold, with tables like the live ones.
pub(crate) async fn create(connection: &mut PgConnection) -> Result<Generation, sqlx::Error> {
    let mut tx = connection.begin().await?;
    let migrations = migrations(&mut tx).await?;
    let number = sqlx::query_scalar!(
        "insert into generations (state, fold_version, migrations) values ('building', $1, $2)
         returning number",
        to_int(fold::VERSION),
        migrations,
    )
    .fetch_one(&mut *tx)
    .await?;
    let (schema, home) = (schema_of(number), home(&mut tx).await?);
    run(&mut tx, format!("create schema {schema}")).await?;
    sqlx::query!(
        "select clone_table(name::regclass, $1::text::name) from unnest($2::text[]) as name",
        schema,
        &TABLES.map(str::to_owned),
    )
    .execute(&mut *tx)
    .await?;
    // The text names no schema as long as the view's tables are first in the search path.
    let views = sqlx::query!(
        r#"select name as "name!", pg_get_viewdef(name::regclass) as "text!"
         from unnest($1::text[]) as name"#,
        &VIEWS.map(str::to_owned),
    )
    .fetch_all(&mut *tx)
    .await?;
    run(&mut tx, format!("set local search_path = {schema}, {home}")).await?;
    for view in views {
        run(&mut tx, format!("create view {schema}.{} as {}", view.name, view.text)).await?;
    }
    run(&mut tx, "insert into ranking_head (generation) values (0)".to_owned()).await?;
    tx.commit().await?;
    in_state(connection, GenerationState::Building).await?.ok_or(sqlx::Error::RowNotFound)
}

/// Drops the generation in this state, if there is one. Returns its number.
pub(crate) async fn discard(
    connection: &mut PgConnection,
    state: GenerationState,
) -> Result<Option<i64>, sqlx::Error> {
    let mut tx = connection.begin().await?;
    let Some(Generation { number, .. }) = in_state(&mut tx, state).await? else { return Ok(None) };
    run(&mut tx, format!("drop schema {} cascade", schema_of(number))).await?;
    sqlx::query!("delete from generations where number = $1 and state <> 'live'", number)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Some(number))
}

/// Updates the planner's statistics of a generation's tables.
pub(crate) async fn analyze(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<(), sqlx::Error> {
    run(connection, format!("analyze {}", names_in(schema, TABLES))).await
}

/// Keeps autovacuum and migrations away from both generations until the transaction ends. Readers and
/// writers are not blocked.
pub(crate) async fn reserve(
    connection: &mut PgConnection,
    home: &str,
    schema: &str,
) -> Result<(), sqlx::Error> {
    let names = format!("{}, {}", names_in(home, TABLES), names_in(schema, TABLES));
    run(connection, "set local lock_timeout = '10s'".to_owned()).await?;
    run(connection, format!("lock table {names} in share update exclusive mode")).await
}

/// Moves the tables of `live` to a schema of their own, and those of `next` to the schema of the live
/// generation.
pub(crate) async fn exchange(
    connection: &mut PgConnection,
    home: &str,
    live: &Generation,
    next: &Generation,
) -> Result<(), sqlx::Error> {
    let (aside, schema) = (live.schema(), next.schema());
    let all = || VIEWS.into_iter().chain(TABLES);
    run(connection, format!("set local statement_timeout = {LOCK_STATEMENT_TIMEOUT_MS}")).await?;
    let locked = names_in(home, all());
    run(connection, format!("lock table {locked} in access exclusive mode")).await?;
    run(connection, "set local statement_timeout = 0".to_owned()).await?;
    let mut moves = format!("create schema {aside};");
    for (from, to) in [(home, aside.as_str()), (&schema, home)] {
        moves.extend(all().map(|name| format!("alter table {from}.{name} set schema {to};")));
    }
    moves += &format!("drop schema {schema}");
    run(connection, moves).await
}

fn names_in(schema: &str, names: impl IntoIterator<Item = &'static str>) -> String {
    let names = names.into_iter().map(|name| format!("{schema}.{name}"));
    names.collect::<Vec<_>>().join(", ")
}

/// Runs statements with names of tables and schemas, which cannot be parameters. All names are constants or
/// numbers of ours, never input.
async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}
