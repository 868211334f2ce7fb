//! Compatibility of the schema with earlier versions. During an upgrade the previous version still
//! runs, on a newer schema: its statements must give the same results there.
//!
//! `schema/NNNN.json` holds the statements that the version of migration NNNN sent to its database
//! during a small contest. A new migration needs a new recording: `UPDATE_SNAPSHOT=1`.

mod recording;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use recording::Recording;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/schema");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/infra/migrations");

/// A statement of the versions up to 13. It fails on connections that prepared it before a migration
/// added a column; those versions recover because they reconnect.
const SELECT_STAR: &str = "select * from videos where video_id = any($1)";
const LAST_VERSION_WITH_SELECT_STAR: i64 = 13;
/// `cached plan must not change result type`.
const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// The result of a statement: the number of rows, or the code of an error.
type Outcome = Result<u64, String>;

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_earlier_versions_work_on_the_newest_schema() {
    let newest = newest_version().await;
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        Recording::of_a_contest().await.write(&file(newest));
    }
    let path = file(newest);
    assert!(path.exists(), "{} is missing: run this with UPDATE_SNAPSHOT=1", path.display());
    for version in recorded_versions() {
        let recording = Recording::read(&file(version));
        let before = run_all(&mut database_of(version).await, recording.runs()).await;
        assert_every_statement_works(&recording, &before);
        let after = run_all(&mut database_of(newest).await, recording.runs()).await;
        for ((statement, before), after) in recording.runs().zip(before).zip(after) {
            assert_eq!(before, after, "on {version} and on {newest}: {statement}");
        }
    }
}

/// Each statement is prepared on the schema of its version. Then the newer migrations run, and every
/// table gets one more column, as from a later migration.
#[tokio::test(flavor = "multi_thread")]
async fn statements_prepared_before_a_migration_work_after_it() {
    let newest = newest_version().await;
    for version in recorded_versions() {
        let recording = Recording::read(&file(version));
        let before = run_all(&mut database_of(version).await, recording.runs()).await;
        let mut connection = database_of(version).await;
        for statement in recording.preparations() {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        migrate_to(newest, &mut connection).await;
        add_a_column_to_every_table(&mut connection).await;
        let after = run_all(&mut connection, recording.executions()).await;
        for ((statement, before), after) in recording.texts().zip(before).zip(after) {
            let expected = match statement {
                SELECT_STAR if version <= LAST_VERSION_WITH_SELECT_STAR => {
                    Err(FEATURE_NOT_SUPPORTED.to_owned())
                }
                _ => before,
            };
            assert_eq!(expected, after, "prepared on {version}, run on {newest}: {statement}");
        }
    }
}

/// A process of the previous version may also be started during an upgrade.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_starts_on_a_schema_that_is_ahead_of_it() {
    let pool = test_services::database().await;
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a later version', true, '', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    infra::database::migrate(&pool).await.unwrap();
}

fn file(version: i64) -> PathBuf {
    Path::new(FOLDER).join(format!("{version:04}.json"))
}

fn recorded_versions() -> Vec<i64> {
    let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let recordings = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    recordings.map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap()).collect()
}

async fn newest_version() -> i64 {
    let migrator = Migrator::new(Path::new(MIGRATIONS)).await.unwrap();
    migrator.iter().map(|migration| migration.version).max().unwrap()
}

/// A connection to a new database with the schema of this version.
async fn database_of(version: i64) -> PgConnection {
    let mut connection = PgConnection::connect(&test_services::database_url().await).await.unwrap();
    let reset = "drop schema public cascade; create schema public";
    sqlx::raw_sql(reset).execute(&mut connection).await.unwrap();
    migrate_to(version, &mut connection).await;
    connection
}

async fn migrate_to(version: i64, connection: &mut PgConnection) {
    let migrator = Migrator::new(Path::new(MIGRATIONS)).await.unwrap();
    migrator.run_to(version, connection).await.unwrap();
}

async fn add_a_column_to_every_table(connection: &mut PgConnection) {
    let statements: Vec<String> = sqlx::query_scalar(
        "select format('alter table %I add column of_a_later_version text', table_name)
         from information_schema.tables
         where table_schema = 'public' and table_type = 'BASE TABLE'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
    }
}

/// Runs each statement in its own transaction, because some work only in one.
async fn run_all(
    connection: &mut PgConnection,
    statements: impl Iterator<Item = String>,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for statement in statements {
        let mut transaction = connection.begin().await.unwrap();
        let run = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await;
        outcomes.push(match run {
            Ok(done) => {
                transaction.commit().await.unwrap();
                Ok(done.rows_affected())
            }
            Err(error) => {
                transaction.rollback().await.unwrap();
                let code = error.as_database_error().and_then(|error| error.code());
                Err(code.unwrap_or_else(|| panic!("{error}")).into_owned())
            }
        });
    }
    outcomes
}

/// A recording whose statements fail on their own schema would prove nothing.
fn assert_every_statement_works(recording: &Recording, outcomes: &[Outcome]) {
    let mut works: BTreeMap<&str, bool> = BTreeMap::new();
    for (text, outcome) in recording.texts().zip(outcomes) {
        *works.entry(text).or_default() |= outcome.is_ok();
    }
    let broken: Vec<_> = works.iter().filter(|(_, works)| !**works).map(|(text, _)| text).collect();
    assert!(broken.is_empty(), "failed in every run on their own schema: {broken:#?}");
    assert!(works.len() > 30, "too few statements for a contest: {}", works.len());
}
