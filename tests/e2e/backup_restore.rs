//! The backup drill: a backup is taken while votes and people come in, restored elsewhere, and compared.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::process::Command;
use uuid::Uuid;

use super::harness::client::PASSWORD;
use super::harness::load_balancer::LoadBalancer;
use super::harness::vote_load::VoteLoad;
use super::harness::{ApiClient, Person, Roles, Server, TestEnvironment, Upload, clip, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_under_load_is_restored_elsewhere() {
    let source = TestEnvironment::embedded().await;
    let server = Server::start(&source, Roles::NoTranscoder).await;
    let voters = server.api.new_people(8).await;
    let artist = voters[0].clone();
    let videos = source.publish_videos(&artist, 400).await;
    let upload = server.api.upload(&artist, Upload::of(clip::real())).await.expect(201);
    let load =
        VoteLoad::start(&LoadBalancer::over(std::slice::from_ref(&server.api)), voters, &videos);
    let newcomers = Newcomers::start(&server.api);
    eventually("votes come in", async || (load.acknowledged() > 50).then_some(())).await;
    let backup = backup_of(&source, "backup").await;
    let then = load.acknowledged();
    eventually("votes come in", async || (load.acknowledged() > then + 50).then_some(())).await;
    load.stop().await;
    newcomers.stop().await;

    let restored = restore(&backup, None).await;
    let exported = votes_in_export(&backup);
    assert!(exported.len() < count(&source, "votes").await, "no vote came after the backup");
    let copy = Server::start(&restored, Roles::NoTranscoder).await;
    restored.wait_until_caught_up().await;
    let counted: Vec<(Uuid, Uuid)> = sqlx::query_as("select voter, video_id from votes")
        .fetch_all(&restored.pool)
        .await
        .unwrap();
    assert_eq!(counted.into_iter().collect::<HashSet<_>>(), exported);
    let nameless: i64 = sqlx::query_scalar(
        "select count(*) from accounts left join personal_data using (account_id)
         where email is null",
    )
    .fetch_one(&restored.pool)
    .await
    .unwrap();
    assert_eq!(nameless, 0, "accounts without personal data");

    let session = copy.api.log_in(&artist.email, PASSWORD).await.expect(200);
    let token = session["access_token"].as_str().unwrap().to_owned();
    let returned = Person { token, ..artist };
    let video = upload["video_id"].as_str().unwrap().parse().unwrap();
    let shown = copy.api.video(&returned, video).await.expect(200);
    let original = copy.api.fetch(shown["original_url"].as_str().unwrap()).await;
    assert_eq!(original.status, 200, "the original is not restored");
    assert!(copy.interrupt().await.success());

    // The rest of the log: then both are the same contest.
    source.wait_until_caught_up().await;
    assert!(server.interrupt().await.success());
    let rest = source.folder().join("rest.jsonl");
    source.run(&["log", "export", rest.to_str().unwrap()]).await.unwrap();
    restored.run(&["log", "import", rest.to_str().unwrap()]).await.unwrap();
    let copy = Server::start(&restored, Roles::NoTranscoder).await;
    restored.wait_until_caught_up().await;
    assert!(copy.interrupt().await.success());
    assert_eq!(source.checksums().await, restored.checksums().await);
    assert_eq!(restored.rebuild().await, source.checksums().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_erased_since_the_backup_stays_erased() {
    let source = TestEnvironment::embedded().await;
    let server = Server::start(&source, Roles::NoTranscoder).await;
    let [ana, beto] = [server.api.new_person("Ana").await, server.api.new_person("Beto").await];
    let video = source.publish_videos(&ana, 1).await[0];
    server.api.vote(&beto, video).await.expect(200);
    let backup = backup_of(&source, "old").await;
    server.api.erase(&ana).await.expect(200);
    let newest = source.folder().join("erasures.jsonl");
    let list = source.run(&["erasures", "list"]).await.unwrap();
    let line: Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    assert_eq!(line["account_id"], ana.id.to_string());
    assert!(!list.contains(&ana.email) && !list.contains("Ana"), "{list}");
    std::fs::write(&newest, &list).unwrap();
    assert!(server.interrupt().await.success());

    let restored = restore(&backup, Some(&newest)).await;
    assert_eq!(personal_data_of(&restored, &ana).await, 0);
    assert_eq!(personal_data_of(&restored, &beto).await, 1);
    let again = restored.run(&["erasures", "apply", newest.to_str().unwrap()]).await.unwrap();
    assert!(again.contains("1 erasures: 0 appended to the log, 0 rows"), "{again}");

    let copy = Server::start(&restored, Roles::NoTranscoder).await;
    restored.wait_until_caught_up().await;
    copy.api.log_in(&ana.email, PASSWORD).await.expect_error(401, "Email o contraseña incorrectos");
    let listed = copy.api.fetch("/api/public/videos").await.expect(200);
    assert_eq!(listed[0]["player_name"], "Artista anónimo");
    let erased: bool =
        sqlx::query_scalar("select erased_by is not null from accounts where account_id = $1")
            .bind(ana.id.0)
            .fetch_one(&restored.pool)
            .await
            .unwrap();
    assert!(erased);
    copy.api.log_in(&beto.email, PASSWORD).await.expect(200);
    assert_eq!(count(&restored, "votes").await, 1, "the vote is lost");
    assert!(copy.interrupt().await.success());
}

async fn backup_of(env: &TestEnvironment, name: &str) -> PathBuf {
    let folder = env.folder().join(name);
    run(env.script("backup.sh", &[&folder])).await;
    folder
}

/// Restores a backup into a new database and a new folder.
async fn restore(backup: &Path, erasures: Option<&Path>) -> TestEnvironment {
    let env = TestEnvironment::embedded().await;
    let arguments: Vec<&Path> = std::iter::once(backup).chain(erasures).collect();
    run(env.script("restore.sh", &arguments)).await;
    env
}

async fn run(mut script: Command) {
    let output = script.output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

/// The votes in the log of a backup, counted without the fold. Here each vote that was cast counts.
fn votes_in_export(backup: &Path) -> HashSet<(Uuid, Uuid)> {
    let text = std::fs::read_to_string(backup.join("log.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let is_vote = |line: &Value| {
        let headers = line["headers"].as_array();
        headers.is_some_and(|all| all.iter().any(|pair| pair[1] == "anb.vote.cast"))
    };
    let vote = |line: Value| {
        let data: Value = serde_json::from_str(line["value"].as_str().unwrap()).unwrap();
        let video = line["key"].as_str().unwrap().strip_prefix("video-").unwrap();
        (data["voter"].as_str().unwrap().parse().unwrap(), video.parse().unwrap())
    };
    lines.filter(is_vote).map(vote).collect()
}

async fn count(env: &TestEnvironment, table: &'static str) -> usize {
    let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar::<_, i64>(sql).fetch_one(&env.pool).await.unwrap() as usize
}

async fn personal_data_of(env: &TestEnvironment, person: &Person) -> i64 {
    sqlx::query_scalar("select count(*) from personal_data where account_id = $1")
        .bind(person.id.0)
        .fetch_one(&env.pool)
        .await
        .unwrap()
}

/// People who sign up one after another until they are stopped.
struct Newcomers {
    stopped: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Newcomers {
    fn start(api: &ApiClient) -> Self {
        let (api, stopped) = (api.clone(), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&stopped);
        let task = tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                api.new_person("Nuevo").await;
            }
        });
        Self { stopped, task }
    }

    async fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
    }
}
