//! The statements that a version sends to its database, recorded from the server's log.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use infra::database::Pool;
use serde::{Deserialize, Serialize};
use test_services::OwnPostgres;

use crate::e2e::harness::tus::TusClient;
use crate::e2e::harness::{Roles, Server, TEST_TIMEOUT, TestEnvironment, Upload, clip, eventually};

/// Bounds the recorded runs of a statement. More than one, because the first often finds no rows.
const MAX_RUNS: usize = 3;
/// The prefix of every log line: the database.
const LOG_LINE_PREFIX: &str = "%d|";
/// Statements that change the connection, not the data.
const CONNECTION_STATEMENTS: [&str; 6] =
    ["begin", "commit", "rollback", "set ", "listen ", "unlisten "];
/// Words in statements of the driver, the migrations and this recording.
const FOREIGN_WORDS: [&str; 3] = ["_sqlx_migrations", "pg_catalog", "current_setting"];

/// Statements with their parameters, in the order in which they were sent.
#[derive(Serialize, Deserialize)]
pub(super) struct Recording {
    statements: Vec<String>,
    /// Index of the statement, and its parameters as text.
    runs: Vec<(usize, Vec<Option<String>>)>,
}

impl Recording {
    /// Records a small contest with every kind of request.
    pub(super) async fn of_a_contest() -> Self {
        let postgres = OwnPostgres::start().await.unwrap();
        let url = postgres.database_url().await.unwrap();
        let env = TestEnvironment::embedded_with_database(&url).await;
        for setting in [
            "alter system set log_statement = 'all'".to_owned(),
            format!("alter system set log_line_prefix = '{LOG_LINE_PREFIX}'"),
            "select pg_reload_conf()".to_owned(),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(setting)).execute(&env.pool).await.unwrap();
        }
        contest(&env).await;
        let database = url.rsplit('/').next().unwrap().split('?').next().unwrap();
        Self::of_log(&log(&env.pool).await, database)
    }

    fn of_log(log: &str, database: &str) -> Self {
        let ours = format!("{database}|");
        let mut recording = Self { statements: Vec::new(), runs: Vec::new() };
        let mut seen: HashMap<String, (usize, usize)> = HashMap::new();
        let entries = entries(log);
        for (n, entry) in entries.iter().enumerate() {
            let Some(entry) = entry.strip_prefix(&ours) else { continue };
            let Some(text) = statement(entry) else { continue };
            let next = recording.statements.len();
            let (number, count) = seen.entry(text.clone()).or_insert((next, 0));
            *count += 1;
            if *count > MAX_RUNS {
                continue;
            }
            if *number == next {
                recording.statements.push(text);
            }
            let details = entries.get(n + 1).and_then(|next| next.strip_prefix(&ours));
            recording.runs.push((*number, parameters(details.unwrap_or_default())));
        }
        recording
    }

    pub(super) fn read(path: &Path) -> Self {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    pub(super) fn write(&self, path: &Path) {
        std::fs::write(path, serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
    }

    /// The statement of each run.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().map(|(number, _)| self.statements[*number].as_str())
    }

    /// The SQL of each run. It prepares the statement, which gives each parameter its type.
    pub(super) fn runs(&self) -> impl Iterator<Item = String> {
        self.runs.iter().map(|(number, parameters)| {
            let text = &self.statements[*number];
            if parameters.is_empty() {
                return text.clone();
            }
            let literals = literals(parameters);
            format!("deallocate all; prepare run as {text}; execute run ({literals})")
        })
    }

    /// The SQL that prepares each statement with parameters, once.
    pub(super) fn preparations(&self) -> impl Iterator<Item = String> {
        let prepared: BTreeSet<usize> =
            self.runs.iter().filter(|(_, p)| !p.is_empty()).map(|(number, _)| *number).collect();
        prepared
            .into_iter()
            .map(|number| format!("prepare statement_{number} as {}", self.statements[number]))
    }

    /// The SQL of each run, with the statements of [`Self::preparations`].
    pub(super) fn executions(&self) -> impl Iterator<Item = String> {
        self.runs.iter().map(|(number, parameters)| match parameters[..] {
            [] => self.statements[*number].clone(),
            _ => format!("execute statement_{number} ({})", literals(parameters)),
        })
    }
}

fn literals(parameters: &[Option<String>]) -> String {
    let literal = |parameter: &Option<String>| match parameter {
        Some(value) => format!("'{}'", value.replace('\'', "''")),
        None => "null".to_owned(),
    };
    parameters.iter().map(literal).collect::<Vec<_>>().join(", ")
}

async fn contest(env: &TestEnvironment) {
    let server = Server::start(env, Roles::All).await;
    let api = &server.api;
    let (ana, beto) = (api.new_person("Ana").await, api.new_person("Beto").await);
    api.log_in("nobody@example.com", "wrong password").await.expect(401);
    let upload = async |file: Vec<u8>, end: &str| {
        let uploaded = api.upload(&ana, Upload::of(file)).await.expect(201);
        let id = uploaded["video_id"].as_str().unwrap().parse().unwrap();
        eventually("the processing has ended", async || {
            (api.video(&ana, id).await.expect(200)["status"] == end).then_some(())
        })
        .await;
        id
    };
    let song = upload(clip::real(), "processed").await;
    let noise = upload(clip::broken(), "failed").await;
    let tus = TusClient::of(api, &ana);
    let clip = clip::real();
    let (first, rest) = clip.split_at(clip.len() / 2);
    let upload = tus.create(clip.len()).await;
    tus.patch(&upload, 0, first).await;
    tus.patch(&upload, tus.offset(&upload).await, rest).await;
    tus.cancel(&tus.create(clip.len()).await).await;
    tus.create(clip.len()).await;
    api.vote(&beto, song).await.expect(200);
    api.vote(&beto, song).await.expect(400);
    eventually("the vote is on the board", async || {
        let ranking = api.fetch("/api/public/rankings").await.expect(200);
        (ranking["rankings"].get(0)?["votes"] == 1).then_some(())
    })
    .await;
    let pages = [
        "/api/public/videos?city=Cali".to_owned(),
        "/api/public/videos?order_by=votes&page=1&page_size=5".to_owned(),
        "/api/public/rankings/boards".to_owned(),
        format!("/api/public/rankings/artists/{}", ana.id),
        format!("/api/public/rankings/around/{}", ana.id),
        "/ready".to_owned(),
    ];
    for page in pages {
        api.fetch(&page).await.expect(200);
    }
    for page in ["/api/videos", "/api/rankings/me"] {
        let response = api.get(page).bearer_auth(&ana.token).send().await.unwrap();
        assert_eq!(response.status(), 200, "{page}");
    }
    api.delete(&ana, noise).await.expect(200);
    api.erase(&beto).await.expect(200);
    // The statements of a shutdown belong to the recording.
    tokio::time::timeout(TEST_TIMEOUT, server.terminate()).await.unwrap();
    env.checksums().await;
    // Without a rebuild: its tables are created again after a migration.
}

async fn log(pool: &Pool) -> String {
    let folder: String = sqlx::query_scalar("select current_setting('data_directory')")
        .fetch_one(pool)
        .await
        .unwrap();
    std::fs::read_to_string(Path::new(&folder).with_file_name("postgres.log")).unwrap()
}

/// The entries of the log. A line that starts with a tab continues its entry.
fn entries(log: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in log.lines() {
        match (line.strip_prefix('\t'), entries.last_mut()) {
            (Some(more), Some(entry)) => {
                entry.push('\n');
                entry.push_str(more);
            }
            _ => entries.push(line.to_owned()),
        }
    }
    entries
}

fn statement(entry: &str) -> Option<String> {
    let said = entry.strip_prefix("LOG:  ")?;
    let text = match said.strip_prefix("statement: ") {
        Some(text) => text,
        None => said.strip_prefix("execute ")?.split_once(": ")?.1,
    };
    let lower = text.to_lowercase();
    let skipped = CONNECTION_STATEMENTS.iter().any(|beginning| lower.starts_with(beginning))
        || FOREIGN_WORDS.iter().any(|words| lower.contains(words));
    (!skipped).then(|| text.to_owned())
}

/// Parses `DETAIL:  parameters: $1 = 'it''s', $2 = NULL`.
fn parameters(entry: &str) -> Vec<Option<String>> {
    let lists = ["DETAIL:  parameters: ", "DETAIL:  Parameters: "];
    let Some(mut rest) = lists.iter().find_map(|list| entry.strip_prefix(list)) else {
        return Vec::new();
    };
    let mut parameters = Vec::new();
    while let Some((_, value)) = rest.split_once(" = ") {
        let Some(quoted) = value.strip_prefix('\'') else {
            parameters.push(None);
            rest = value;
            continue;
        };
        let mut end = 0;
        while !quoted[end..].starts_with('\'') || quoted[end..].starts_with("''") {
            end += if quoted[end..].starts_with("''") { 2 } else { next_char(&quoted[end..]) };
        }
        parameters.push(Some(quoted[..end].replace("''", "'")));
        rest = &quoted[end + 1..];
    }
    parameters
}

fn next_char(text: &str) -> usize {
    text.chars().next().map_or(1, char::len_utf8)
}

#[test]
fn a_statement_log_is_parsed_with_its_parameters() {
    let log = "db|LOG:  execute sqlx_s_1: select $1,\n\t  $2\n\
               db|DETAIL:  parameters: $1 = 'it''s ''é''', $2 = NULL\n\
               db|LOG:  statement: BEGIN\nother|LOG:  statement: select 1\n\
               db|LOG:  statement: select 2\n";
    let recording = Recording::of_log(log, "db");
    assert_eq!(recording.statements, ["select $1,\n  $2", "select 2"]);
    let runs: Vec<String> = recording.runs().collect();
    let prepared = "deallocate all; prepare run as select $1,\n  $2";
    assert_eq!(runs[0], format!("{prepared}; execute run ('it''s ''é''', null)"));
    assert_eq!(runs[1], "select 2");
}
