//! Erasure of an account and all personal data.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::event::Erased;
use domain::{AccountEvent, EmailKey, Event, VideoId};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::harness::client::{PASSWORD, SendRequest, new_email, registration};
use super::harness::server::free_port;
use super::harness::{
    ApiClient, ApiResponse, Person, Roles, Server, TestEnvironment, Upload, clip, eventually,
};

test_on_both_backends!(
    an_erasure_removes_every_trace_of_the_person,
    an_erasure_needs_the_password,
    concurrent_erasures_take_effect_once,
    an_erased_address_is_registered_again_only_once,
    a_vote_racing_an_erasure_counts_or_is_rejected,
    an_upload_racing_an_erasure_leaves_nothing_to_process,
    the_sweep_finishes_an_erasure_after_a_crash,
);

const NEUTRAL_NAME: &str = "Artista anónimo";
/// Bounds the time until another process forgets a person: less than any cache keeps personal data.
const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(10);

async fn an_erasure_removes_every_trace_of_the_person(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let second_server = Server::start_with(&env, Roles::Api, free_port(), &[]).await;
    let (api, other) = (&server.api, &second_server.api);
    let (leaver, strings) = recognisable_person(&env, api).await;
    let beto = api.new_person("Beto").await;
    let published =
        env.publish_videos(&Person { first_name: "alguien".into(), ..leaver.clone() }, 1).await[0];
    let of_beto = env.publish_videos(&beto, 1).await[0];
    api.vote(&beto, published).await.expect(200);
    api.vote(&leaver, of_beto).await.expect(200);
    let waiting = api.upload(&leaver, Upload::of(clip::real())).await.expect(201);
    let waiting: VideoId = waiting["video_id"].as_str().unwrap().parse().unwrap();
    let original = api.video(&leaver, waiting).await.expect(200)["original_url"].clone();
    for api in [api, other] {
        wait_for_names(api, &leaver, ["Zoraida Quintanilla"; 2]).await;
        own_videos(api, &leaver).await.expect(200);
    }

    let known: BTreeSet<String> =
        ["people", "personal_data", "visible_persons"].map(str::to_owned).into();
    assert_eq!(places_with(&env, &strings).await, known, "personal data is in other places");

    let erased = api.erase_request(&leaver, UNIQUE_PASSWORD).response().await.expect(200);
    assert_eq!(erased["message"], "Tu cuenta ha sido eliminada exitosamente.");

    own_videos(api, &leaver).await.expect_error(401, "User not found");
    assert_eq!(names_of(api, &leaver).await, Some([NEUTRAL_NAME; 2].map(String::from)));
    let erased_at = Instant::now();
    eventually("the other process has forgotten the person", async || {
        (own_videos(other, &leaver).await.status == 401).then_some(())
    })
    .await;
    assert_eq!(names_of(other, &leaver).await, Some([NEUTRAL_NAME; 2].map(String::from)));
    assert!(erased_at.elapsed() < NOTIFICATION_TIMEOUT, "{:?}", erased_at.elapsed());

    api.log_in(&leaver.email, UNIQUE_PASSWORD)
        .await
        .expect_error(401, "Email o contraseña incorrectos");
    assert_eq!(api.fetch(original.as_str().unwrap()).await.status, 404, "the original remains");
    assert_eq!(status_of(&env, waiting).await, "deleted", "it was published");
    assert_eq!(status_of(&env, published).await, "processed");
    assert_eq!(
        api.vote(&beto, of_beto).await.expect(200)["total_votes"],
        2,
        "the vote of the erased person does not count"
    );

    assert!(second_server.interrupt().await.success());
    assert!(server.interrupt().await.success());
    assert_eq!(places_with(&env, &strings).await, BTreeSet::new());
    assert_eq!(env.checksums().await, env.rebuild().await);

    let server = Server::start(&env, Roles::NoTranscoder).await;
    let mut again = registration(&leaver.email);
    again["first_name"] = "Otra".into();
    assert_ne!(server.api.sign_up(&again).await.expect(201)["id"], leaver.id.to_string());
    let session = server.api.log_in(&leaver.email, PASSWORD).await.expect(200);
    let token = session["access_token"].as_str().unwrap().to_owned();
    let new = Person { token, ..leaver.clone() };
    assert_eq!(
        own_videos(&server.api, &new).await.expect(200),
        json!([]),
        "it is not a new account"
    );
    own_videos(&server.api, &leaver).await.expect_error(401, "User not found");
    wait_for_names(&server.api, &leaver, [NEUTRAL_NAME; 2]).await;
    assert!(server.interrupt().await.success());
    assert_eq!(env.checksums().await, env.rebuild().await);
}

const UNIQUE_PASSWORD: &str = "contraseña inconfundible";

/// A person with unique strings, and these strings.
async fn recognisable_person(env: &TestEnvironment, api: &ApiClient) -> (Person, Vec<String>) {
    let email = new_email("zoraida.quintanilla");
    let mut body = registration(&email);
    body["first_name"] = "Zoraida".into();
    body["last_name"] = "Quintanilla".into();
    body["password1"] = UNIQUE_PASSWORD.into();
    body["password2"] = UNIQUE_PASSWORD.into();
    let account = api.sign_up(&body).await.expect(201);
    let session = api.log_in(&email, UNIQUE_PASSWORD).await.expect(200);
    let id = account["id"].as_str().unwrap().parse().unwrap();
    let token = session["access_token"].as_str().unwrap().to_owned();
    let hash: String =
        sqlx::query_scalar("select password_hash from personal_data where email = $1")
            .bind(&email)
            .fetch_one(&env.pool)
            .await
            .unwrap();
    let strings = ["Zoraida", "Quintanilla", &email, &hash, UNIQUE_PASSWORD, &token];
    let strings = strings.map(str::to_owned).into();
    (Person { id, first_name: "Zoraida".into(), email, token }, strings)
}

/// Waits until the artist, with one vote, has these names on the ranking and in the list of videos.
/// Pages may be stale for a moment (ADR 0012).
async fn wait_for_names(api: &ApiClient, artist: &Person, names: [&str; 2]) {
    eventually("the pages show these names", async || {
        (names_of(api, artist).await? == names).then_some(())
    })
    .await;
}

/// The artist's names on the ranking and in the list of videos; `None` before they have a vote.
async fn names_of(api: &ApiClient, artist: &Person) -> Option<[String; 2]> {
    let ranking = api.fetch("/api/public/rankings").await.expect(200);
    let rows = ranking["rankings"].as_array()?;
    let row = rows.iter().find(|row| row["artist_id"] == artist.id.to_string())?;
    let list = api.fetch("/api/public/videos").await.expect(200);
    let of_artist = |video: &&Value| video["title"] == "Canción 0 de alguien";
    let video = list.as_array()?.iter().find(of_artist)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    (row["votes"] == 1).then_some([text(&row["username"])?, text(&video["player_name"])?])
}

async fn own_videos(api: &ApiClient, person: &Person) -> ApiResponse {
    api.get("/api/videos").bearer_auth(&person.token).response().await
}

async fn status_of(env: &TestEnvironment, video: VideoId) -> String {
    sqlx::query_scalar("select status from videos where video_id = $1")
        .bind(video.0)
        .fetch_one(&env.pool)
        .await
        .unwrap()
}

/// Every table, log and file that contains one of the strings. The files include the servers' logs
/// and the folder of videos.
async fn places_with(env: &TestEnvironment, strings: &[String]) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    let mut search = |place: &str, bytes: &[u8]| {
        let holds = |text: &String| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        if strings.iter().any(holds) {
            places.insert(place.to_owned());
        }
    };
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'public'",
    )
    .fetch_all(&env.pool)
    .await
    .unwrap();
    for table in tables {
        let sql = format!("select t::text from \"{table}\" t");
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&env.pool).await.unwrap();
        rows.iter().for_each(|row| search(&table, row.as_bytes()));
    }
    for record in env.records().await {
        search("the log", record.key.as_deref().unwrap_or_default());
        search("the log", record.value.as_deref().unwrap_or_default());
        record.headers.iter().for_each(|(_, value)| search("the log", value));
    }
    for file in files_in(env.folder()) {
        search(&file.display().to_string(), &std::fs::read(&file).unwrap());
    }
    places
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

async fn an_erasure_needs_the_password(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let refused = api.erase_request(&ana, "otro caballo").response().await;
    refused.expect_error(403, "La contraseña es incorrecta");
    let me = || api.request(reqwest::Method::DELETE, "/api/me");
    let nobody = me().json(&json!({ "password": PASSWORD })).response().await;
    nobody.expect_error(403, "Not authenticated");
    let empty = me().bearer_auth(&ana.token).json(&json!({})).response().await;
    empty.problem().is("missing", "body.password");
    own_videos(api, &ana).await.expect(200);
    api.erase(&ana).await.expect(200);
    api.erase(&ana).await.expect_error(401, "User not found");
}

async fn concurrent_erasures_take_effect_once(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let responses = join_all((0..8).map(|_| server.api.erase(&ana))).await;
    let (done, refused): (Vec<ApiResponse>, Vec<ApiResponse>) =
        responses.into_iter().partition(|response| response.status == 200);
    assert_eq!(done.len(), 1);
    for response in refused {
        response.expect_error(401, "User not found");
    }
    env.wait_until_caught_up().await;
    let erased: i64 =
        sqlx::query_scalar("select count(*) from accounts where erased_by is not null")
            .fetch_one(&env.pool)
            .await
            .unwrap();
    assert_eq!(erased, 1);
}

/// Four others register the address again and again: one of them gets it, once.
async fn an_erased_address_is_registered_again_only_once(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let body = registration(&ana.email);
    let wants = async || {
        let mut told = Vec::new();
        // Goes on after the address was free, when it is taken again.
        for _ in 0..6 {
            told.push(api.sign_up(&body).await);
        }
        told
    };
    let (erased, a, b, c, d) = tokio::join!(api.erase(&ana), wants(), wants(), wants(), wants());
    erased.expect(200);
    let mut told: Vec<ApiResponse> = [a, b, c, d].into_iter().flatten().collect();
    told.push(api.sign_up(&body).await);
    let (made, refused): (Vec<ApiResponse>, Vec<ApiResponse>) =
        told.into_iter().partition(|response| response.status == 201);
    assert_eq!(made.len(), 1);
    assert_ne!(made[0].json()["id"], ana.id.to_string());
    for response in refused {
        response.expect_error(400, "El email ya está registrado");
    }
    let known: Vec<Uuid> = sqlx::query_scalar("select account_id from personal_data")
        .fetch_all(&env.pool)
        .await
        .unwrap();
    assert_eq!(json!(known), json!([made[0].json()["id"]]));
    assert!(server.interrupt().await.success());
    assert_eq!(env.checksums().await, env.rebuild().await);
}

async fn a_vote_racing_an_erasure_counts_or_is_rejected(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let video = env.publish_videos(&ana, 1).await[0];
    let mut counted = 0;
    for voter in api.new_people(12).await {
        let (vote, erased) = tokio::join!(api.vote(&voter, video), api.erase(&voter));
        erased.expect(200);
        match vote.status {
            200 => counted += 1,
            _ => vote.expect_error(401, "User not found"),
        }
    }
    assert_eq!(api.video(&ana, video).await.expect(200)["votes"], counted);
}

/// Whichever comes first, no video, job or original remains.
async fn an_upload_racing_an_erasure_leaves_nothing_to_process(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    for owner in api.new_people(12).await {
        let upload = Upload::of(clip::real());
        let (uploaded, erased) = tokio::join!(api.upload(&owner, upload), api.erase(&owner));
        erased.expect(200);
        if uploaded.status != 201 {
            uploaded.expect_error(401, "User not found");
        }
    }
    env.wait_until_caught_up().await;
    let open: i64 = sqlx::query_scalar("select count(*) from videos where status <> 'deleted'")
        .fetch_one(&env.pool)
        .await
        .unwrap();
    let jobs: i64 = sqlx::query_scalar("select count(*) from transcode_jobs")
        .fetch_one(&env.pool)
        .await
        .unwrap();
    assert_eq!((open, jobs), (0, 0));
    let is_original = |path: &PathBuf| path.to_string_lossy().contains("/originals/");
    eventually("no original is left", async || {
        (!files_in(env.folder()).iter().any(is_original)).then_some(())
    })
    .await;
}

/// The event is in the log, and the process that should delete the personal data has crashed.
async fn the_sweep_finishes_an_erasure_after_a_crash(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let published = env.publish_videos(&ana, 1).await[0];
    let waiting = api.upload(&ana, Upload::of(clip::real())).await.expect(201);
    let waiting: VideoId = waiting["video_id"].as_str().unwrap().parse().unwrap();
    own_videos(api, &ana).await.expect(200);

    let email: String = sqlx::query_scalar("select email_key from accounts where account_id = $1")
        .bind(ana.id.0)
        .fetch_one(&env.pool)
        .await
        .unwrap();
    let erased = AccountEvent::Erased(Erased { account_id: ana.id });
    env.append_events(vec![Event::Account(EmailKey::parse(&email).unwrap(), erased)]).await;
    eventually("the account is erased", async || {
        (own_videos(api, &ana).await.status == 401).then_some(())
    })
    .await;
    let name = eventually("the artist is on the ranking", async || {
        let ranking = api.fetch("/api/public/rankings").await.expect(200);
        ranking["rankings"][0]["username"].as_str().map(str::to_owned)
    });
    assert_eq!(name.await, NEUTRAL_NAME);
    api.log_in(&ana.email, PASSWORD).await.expect_error(401, "Email o contraseña incorrectos");
    assert!(server.interrupt().await.success());
    assert_eq!(count_personal_data(&env).await, 1);

    // An hour has passed since the last sweep. A deployment without a transcoder sweeps, too.
    sqlx::query("update sweep_lease set next_sweep_at = now()").execute(&env.pool).await.unwrap();
    let server = Server::start(&env, Roles::NoTranscoder).await;
    eventually("the sweep has deleted the personal data", async || {
        (count_personal_data(&env).await == 0).then_some(())
    })
    .await;
    eventually("the waiting video is withdrawn", async || {
        (status_of(&env, waiting).await == "deleted").then_some(())
    })
    .await;
    assert_eq!(status_of(&env, published).await, "processed");
    assert!(server.interrupt().await.success());
}

async fn count_personal_data(env: &TestEnvironment) -> i64 {
    sqlx::query_scalar("select count(*) from personal_data").fetch_one(&env.pool).await.unwrap()
}
