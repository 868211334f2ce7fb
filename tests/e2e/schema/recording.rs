//! What a version said to its database, from the database's own log.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use test_services::OwnPostgres;

use super::super::harness::tus::Tus;
use super::super::harness::{PATIENCE, Roles, Server, Upload, World, clip, eventually};

/// So often a statement is kept; the first runs of many find nothing yet.
const RUNS: usize = 3;
/// Before every line of the log.
const PREFIX: &str = "%d|";
/// Of a connection: what comes of these cannot be seen in one statement.
const OF_CONNECTIONS: [&str; 6] = ["begin", "commit", "rollback", "set ", "listen ", "unlisten "];
/// Of the driver, the migrations and this recording.
const FOREIGN: [&str; 3] = ["_sqlx_migrations", "pg_catalog", "current_setting"];

/// Statements with their parameters, in the order in which they were sent.
#[derive(Serialize, Deserialize)]
pub(super) struct Recording {
    statements: Vec<String>,
    /// Which statement, and its parameters as text.
    runs: Vec<(usize, Vec<Option<String>>)>,
}

impl Recording {
    /// Of everything that people and operators do in a small contest.
    pub(super) async fn of_a_contest() -> Self {
        let postgres = OwnPostgres::start().await.unwrap();
        let url = postgres.database_url().await.unwrap();
        let world = World::embedded_on(&url).await;
        for setting in [
            "alter system set log_statement = 'all'".to_owned(),
            format!("alter system set log_line_prefix = '{PREFIX}'"),
            "select pg_reload_conf()".to_owned(),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(setting)).execute(&world.pool).await.unwrap();
        }
        contest(&world).await;
        let database = url.rsplit('/').next().unwrap().split('?').next().unwrap();
        Self::of_log(&log(&world.pool).await, database)
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
            if *count > RUNS {
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

    /// The statement of each run, as the version has it.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().map(|(number, _)| self.statements[*number].as_str())
    }

    /// What to send for each run. Prepared, so that parameters have the types of their places.
    pub(super) fn runs(&self) -> impl Iterator<Item = String> {
        self.runs.iter().map(|(number, parameters)| {
            let text = &self.statements[*number];
            if parameters.is_empty() {
                return text.clone();
            }
            let literals: Vec<String> = parameters.iter().map(literal).collect();
            let literals = literals.join(", ");
            format!("deallocate all; prepare run as {text}; execute run ({literals})")
        })
    }
}

fn literal(parameter: &Option<String>) -> String {
    match parameter {
        Some(value) => format!("'{}'", value.replace('\'', "''")),
        None => "null".to_owned(),
    }
}

async fn contest(world: &World) {
    let server = Server::start(world, Roles::All).await;
    let api = &server.api;
    let (ana, beto) = (api.somebody("Ana").await, api.somebody("Beto").await);
    api.log_in("nobody@example.com", "wrong password").await.ok(401);
    let upload = async |file: Vec<u8>, end: &str| {
        let uploaded = api.upload(&ana, Upload::of(file)).await.ok(201);
        let id = uploaded["video_id"].as_str().unwrap().parse().unwrap();
        eventually("the video is at its end", async || {
            (api.video(&ana, id).await.ok(200)["status"] == end).then_some(())
        })
        .await;
        id
    };
    let song = upload(clip::real(), "processed").await;
    let noise = upload(clip::broken(), "failed").await;
    let tus = Tus::of(api, &ana);
    let clip = clip::real();
    let (first, rest) = clip.split_at(clip.len() / 2);
    let upload = tus.create(clip.len()).await;
    tus.patch(&upload, 0, first).await;
    tus.patch(&upload, tus.offset(&upload).await, rest).await;
    tus.cancel(&tus.create(clip.len()).await).await;
    tus.create(clip.len()).await;
    api.vote(&beto, song).await.ok(200);
    api.vote(&beto, song).await.ok(400);
    eventually("the vote is on the board", async || {
        let ranking = api.fetch("/api/public/rankings").await.ok(200);
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
        api.fetch(&page).await.ok(200);
    }
    for page in ["/api/videos", "/api/rankings/me"] {
        let answer = api.get(page).bearer_auth(&ana.token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{page}");
    }
    api.delete(&ana, noise).await.ok(200);
    api.erase(&beto).await.ok(200);
    // What was written on the way out is part of it.
    tokio::time::timeout(PATIENCE, server.terminate()).await.unwrap();
    world.checksums().await;
    // No rebuild: it works on tables of its own, which begin anew when there is a newer schema.
}

async fn log(pool: &PgPool) -> String {
    let folder: String = sqlx::query_scalar("select current_setting('data_directory')")
        .fetch_one(pool)
        .await
        .unwrap();
    std::fs::read_to_string(Path::new(&folder).with_file_name("postgres.log")).unwrap()
}

/// Lines that begin with a tab go on with what the line before has begun.
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
    let skipped = OF_CONNECTIONS.iter().any(|beginning| lower.starts_with(beginning))
        || FOREIGN.iter().any(|words| lower.contains(words));
    (!skipped).then(|| text.to_owned())
}

/// From `DETAIL:  parameters: $1 = 'it''s', $2 = NULL`.
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
fn a_log_is_understood() {
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
