//! While a new version takes over, the one before still runs, on a schema that is a step ahead of it:
//! the statements of every earlier version work on the newest schema as they did on their own.
//!
//! `schema/NNNN.json` holds the statements that the version of migration NNNN sent to its database
//! during a small contest. Whoever adds a migration records its version: `UPDATE_SNAPSHOT=1`.

mod recording;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use recording::Recording;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/schema");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/infra/migrations");

/// What became of a statement: so many rows, or the code of an error.
type Outcome = Result<u64, String>;

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_earlier_versions_work_on_the_newest_schema() {
    let newest = newest().await;
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        Recording::of_a_contest().await.write(&file(newest));
    }
    let path = file(newest);
    assert!(path.exists(), "{} is missing: run this with UPDATE_SNAPSHOT=1", path.display());
    for version in recorded() {
        let recording = Recording::read(&file(version));
        let before = replay(&recording, version).await;
        every_statement_works(&recording, &before);
        let after = replay(&recording, newest).await;
        for ((statement, before), after) in recording.runs().zip(before).zip(after) {
            assert_eq!(before, after, "on {version} and on {newest}: {statement}");
        }
    }
}

/// A process of the version before may be started again, too.
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

/// The versions of which there are recordings.
fn recorded() -> Vec<i64> {
    let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let recordings = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    recordings.map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap()).collect()
}

async fn newest() -> i64 {
    let migrator = Migrator::new(Path::new(MIGRATIONS)).await.unwrap();
    migrator.iter().map(|migration| migration.version).max().unwrap()
}

/// Runs what was recorded on a new database of this version.
async fn replay(recording: &Recording, version: i64) -> Vec<Outcome> {
    let mut connection = PgConnection::connect(&test_services::database_url().await).await.unwrap();
    let anew = "drop schema public cascade; create schema public";
    sqlx::raw_sql(anew).execute(&mut connection).await.unwrap();
    let migrator = Migrator::new(Path::new(MIGRATIONS)).await.unwrap();
    migrator.run_to(version, &mut connection).await.unwrap();
    let mut outcomes = Vec::new();
    for statement in recording.runs() {
        // Each by itself; some work in a transaction only.
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

/// A recording that cannot be run again proves nothing.
fn every_statement_works(recording: &Recording, outcomes: &[Outcome]) {
    let mut works: BTreeMap<&str, bool> = BTreeMap::new();
    for (text, outcome) in recording.texts().zip(outcomes) {
        *works.entry(text).or_default() |= outcome.is_ok();
    }
    let broken: Vec<_> = works.iter().filter(|(_, works)| !**works).map(|(text, _)| text).collect();
    assert!(broken.is_empty(), "never worked, not even on their own schema: {broken:#?}");
    assert!(works.len() > 30, "that is not all that a contest needs: {}", works.len());
}
