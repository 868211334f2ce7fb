//! Somebody leaves for good.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::event::Erased;
use domain::{AccountEvent, EmailKey, Event, VideoId};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::harness::client::{Ask, PASSWORD, new_email, registration};
use super::harness::server::free_port;
use super::harness::{Answer, Api, Person, Roles, Server, Upload, World, clip, eventually};

on_both!(
    nothing_of_a_person_remains,
    an_erasure_needs_the_password,
    many_erasures_at_once_are_one,
    an_erasure_races_registrations_of_its_address,
    an_erasure_races_a_vote,
    an_erasure_races_an_upload,
    what_a_crash_leaves_behind_is_swept,
);

const NEUTRAL: &str = "Artista anónimo";
/// Far less than what is remembered of people is kept, and far more than a notification takes.
const SOON: Duration = Duration::from_secs(10);

async fn nothing_of_a_person_remains(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let elsewhere = Server::start_with(&world, Roles::Api, free_port(), &[]).await;
    let (api, other) = (&server.api, &elsewhere.api);
    let (leaver, secrets) = zoraida(&world, api).await;
    let beto = api.somebody("Beto").await;
    let published =
        world.published(&Person { first_name: "alguien".into(), ..leaver.clone() }, 1).await[0];
    let of_beto = world.published(&beto, 1).await[0];
    api.vote(&beto, published).await.ok(200);
    api.vote(&leaver, of_beto).await.ok(200);
    let waiting = api.upload(&leaver, Upload::of(clip::real())).await.ok(201);
    let waiting: VideoId = waiting["video_id"].as_str().unwrap().parse().unwrap();
    let original = api.video(&leaver, waiting).await.ok(200)["original_url"].clone();
    for api in [api, other] {
        shows(api, &leaver, ["Zoraida Quintanilla"; 2]).await;
        own_videos(api, &leaver).await.ok(200);
    }

    let known: BTreeSet<String> = ["people", "personal_data"].map(str::to_owned).into();
    assert_eq!(places(&world, &secrets).await, known, "and nowhere else from the beginning");

    let erased = api.erase_request(&leaver, PASSWORD_OF_ZORAIDA).answer().await.ok(200);
    assert_eq!(erased["message"], "Tu cuenta ha sido eliminada exitosamente.");

    own_videos(api, &leaver).await.error(401, "User not found");
    assert_eq!(shown(api, &leaver).await, Some([NEUTRAL; 2].map(String::from)));
    let heard = Instant::now();
    eventually("the other process has heard of it", async || {
        (own_videos(other, &leaver).await.status == 401).then_some(())
    })
    .await;
    assert_eq!(shown(other, &leaver).await, Some([NEUTRAL; 2].map(String::from)));
    assert!(heard.elapsed() < SOON, "{:?}", heard.elapsed());

    api.log_in(&leaver.email, PASSWORD_OF_ZORAIDA)
        .await
        .error(401, "Email o contraseña incorrectos");
    assert_eq!(api.fetch(original.as_str().unwrap()).await.status, 404, "the original is gone");
    assert_eq!(stage(&world, waiting).await, "deleted", "it never came on stage");
    assert_eq!(stage(&world, published).await, "processed");
    assert_eq!(api.vote(&beto, of_beto).await.ok(200)["total_votes"], 2, "votes still count");

    assert!(elsewhere.interrupt().await.success());
    assert!(server.interrupt().await.success());
    assert_eq!(places(&world, &secrets).await, BTreeSet::new());
    assert_eq!(world.checksums().await, world.rebuilt().await);

    let server = Server::start(&world, Roles::NoTranscoder).await;
    let mut again = registration(&leaver.email);
    again["first_name"] = "Otra".into();
    assert_ne!(server.api.sign_up(&again).await.ok(201)["id"], leaver.id.to_string());
    let session = server.api.log_in(&leaver.email, PASSWORD).await.ok(200);
    let token = session["access_token"].as_str().unwrap().to_owned();
    let new = Person { token, ..leaver.clone() };
    assert_eq!(own_videos(&server.api, &new).await.ok(200), json!([]), "a new account");
    own_videos(&server.api, &leaver).await.error(401, "User not found");
    shows(&server.api, &leaver, [NEUTRAL; 2]).await;
    assert!(server.interrupt().await.success());
    assert_eq!(world.checksums().await, world.rebuilt().await);
}

const PASSWORD_OF_ZORAIDA: &str = "contraseña inconfundible";

/// Somebody whose every string can be recognised, and these strings.
async fn zoraida(world: &World, api: &Api) -> (Person, Vec<String>) {
    let email = new_email("zoraida.quintanilla");
    let mut body = registration(&email);
    body["first_name"] = "Zoraida".into();
    body["last_name"] = "Quintanilla".into();
    body["password1"] = PASSWORD_OF_ZORAIDA.into();
    body["password2"] = PASSWORD_OF_ZORAIDA.into();
    let account = api.sign_up(&body).await.ok(201);
    let session = api.log_in(&email, PASSWORD_OF_ZORAIDA).await.ok(200);
    let id = account["id"].as_str().unwrap().parse().unwrap();
    let token = session["access_token"].as_str().unwrap().to_owned();
    let hash: String =
        sqlx::query_scalar("select password_hash from personal_data where email = $1")
            .bind(&email)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    let strings = ["Zoraida", "Quintanilla", &email, &hash, PASSWORD_OF_ZORAIDA, &token];
    let strings = strings.map(str::to_owned).into();
    (Person { id, first_name: "Zoraida".into(), email, token }, strings)
}

/// Waits until the artist, with one vote, has these names on the ranking and in the list of videos.
/// Pages may be a moment behind (ADR 0012).
async fn shows(api: &Api, artist: &Person, names: [&str; 2]) {
    eventually("the pages have come so far", async || {
        (shown(api, artist).await? == names).then_some(())
    })
    .await;
}

/// The artist's names on the ranking, once with one vote, and in the list of videos.
async fn shown(api: &Api, artist: &Person) -> Option<[String; 2]> {
    let ranking = api.fetch("/api/public/rankings").await.ok(200);
    let rows = ranking["rankings"].as_array()?;
    let row = rows.iter().find(|row| row["artist_id"] == artist.id.to_string())?;
    let list = api.fetch("/api/public/videos").await.ok(200);
    let of_artist = |video: &&Value| video["title"] == "Canción 0 de alguien";
    let video = list.as_array()?.iter().find(of_artist)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    (row["votes"] == 1).then_some([text(&row["username"])?, text(&video["player_name"])?])
}

async fn own_videos(api: &Api, person: &Person) -> Answer {
    api.get("/api/videos").bearer_auth(&person.token).answer().await
}

async fn stage(world: &World, video: VideoId) -> String {
    sqlx::query_scalar("select status from videos where video_id = $1")
        .bind(video.0)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

/// Every place that holds one of the strings: tables, records of the log, and files, which are the
/// servers' logs, the folder of videos, and whatever else there is.
async fn places(world: &World, strings: &[String]) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    let mut look = |place: &str, bytes: &[u8]| {
        let holds = |text: &String| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        if strings.iter().any(holds) {
            places.insert(place.to_owned());
        }
    };
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'public'",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    for table in tables {
        let sql = format!("select t::text from \"{table}\" t");
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&world.pool).await.unwrap();
        rows.iter().for_each(|row| look(&table, row.as_bytes()));
    }
    for record in world.records().await {
        look("the log", record.key.as_deref().unwrap_or_default());
        look("the log", record.value.as_deref().unwrap_or_default());
        record.headers.iter().for_each(|(_, value)| look("the log", value));
    }
    for file in files(world.folder()) {
        look(&file.display().to_string(), &std::fs::read(&file).unwrap());
    }
    places
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

async fn an_erasure_needs_the_password(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let refused = api.erase_request(&ana, "otro caballo").answer().await;
    refused.error(403, "La contraseña es incorrecta");
    let me = || api.request(reqwest::Method::DELETE, "/api/me");
    let nobody = me().json(&json!({ "password": PASSWORD })).answer().await;
    nobody.error(403, "Not authenticated");
    let empty = me().bearer_auth(&ana.token).json(&json!({})).answer().await;
    empty.problem().is("missing", "body.password");
    own_videos(api, &ana).await.ok(200);
    api.erase(&ana).await.ok(200);
    api.erase(&ana).await.error(401, "User not found");
}

async fn many_erasures_at_once_are_one(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let answers = join_all((0..8).map(|_| server.api.erase(&ana))).await;
    let (done, refused): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(done.len(), 1);
    for answer in refused {
        answer.error(401, "User not found");
    }
    world.caught_up().await;
    let erased: i64 =
        sqlx::query_scalar("select count(*) from accounts where erased_by is not null")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(erased, 1);
}

/// Four others want the address and ask until it is free: one of them gets it, once.
async fn an_erasure_races_registrations_of_its_address(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let body = registration(&ana.email);
    let wants = async || {
        let mut told = Vec::new();
        // One more try after the address was free: it is taken again.
        for _ in 0..6 {
            told.push(api.sign_up(&body).await);
        }
        told
    };
    let (erased, a, b, c, d) = tokio::join!(api.erase(&ana), wants(), wants(), wants(), wants());
    erased.ok(200);
    let mut told: Vec<Answer> = [a, b, c, d].into_iter().flatten().collect();
    told.push(api.sign_up(&body).await);
    let (made, refused): (Vec<Answer>, Vec<Answer>) =
        told.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    assert_ne!(made[0].json()["id"], ana.id.to_string());
    for answer in refused {
        answer.error(400, "El email ya está registrado");
    }
    let known: Vec<Uuid> = sqlx::query_scalar("select account_id from personal_data")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(json!(known), json!([made[0].json()["id"]]));
    assert!(server.interrupt().await.success());
    assert_eq!(world.checksums().await, world.rebuilt().await);
}

async fn an_erasure_races_a_vote(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let video = world.published(&ana, 1).await[0];
    let mut counted = 0;
    for voter in api.crowd(12).await {
        let (vote, erased) = tokio::join!(api.vote(&voter, video), api.erase(&voter));
        erased.ok(200);
        match vote.status {
            200 => counted += 1,
            _ => vote.error(401, "User not found"),
        }
    }
    assert_eq!(api.video(&ana, video).await.ok(200)["votes"], counted);
}

/// Whichever comes first, nothing is left to be processed, and no original.
async fn an_erasure_races_an_upload(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    for owner in api.crowd(12).await {
        let upload = Upload::of(clip::real());
        let (uploaded, erased) = tokio::join!(api.upload(&owner, upload), api.erase(&owner));
        erased.ok(200);
        if uploaded.status != 201 {
            uploaded.error(401, "User not found");
        }
    }
    world.caught_up().await;
    let open: i64 = sqlx::query_scalar("select count(*) from videos where status <> 'deleted'")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let jobs: i64 = sqlx::query_scalar("select count(*) from transcode_jobs")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!((open, jobs), (0, 0));
    let is_original = |path: &PathBuf| path.to_string_lossy().contains("/originals/");
    eventually("no original is left", async || {
        (!files(world.folder()).iter().any(is_original)).then_some(())
    })
    .await;
}

/// The event stands in the log, and the process that was to do the rest is gone.
async fn what_a_crash_leaves_behind_is_swept(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let published = world.published(&ana, 1).await[0];
    let waiting = api.upload(&ana, Upload::of(clip::real())).await.ok(201);
    let waiting: VideoId = waiting["video_id"].as_str().unwrap().parse().unwrap();
    own_videos(api, &ana).await.ok(200);

    let email: String = sqlx::query_scalar("select email_key from accounts where account_id = $1")
        .bind(ana.id.0)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let erased = AccountEvent::Erased(Erased { account_id: ana.id });
    world.append(vec![Event::Account(EmailKey::parse(&email).unwrap(), erased)]).await;
    eventually("she is gone, whatever is left of her", async || {
        (own_videos(api, &ana).await.status == 401).then_some(())
    })
    .await;
    let name = eventually("she is on the ranking", async || {
        let ranking = api.fetch("/api/public/rankings").await.ok(200);
        ranking["rankings"][0]["username"].as_str().map(str::to_owned)
    });
    assert_eq!(name.await, NEUTRAL);
    api.log_in(&ana.email, PASSWORD).await.error(401, "Email o contraseña incorrectos");
    assert!(server.interrupt().await.success());
    assert_eq!(personal_data(&world).await, 1);

    let server = Server::start(&world, Roles::All).await;
    eventually("the sweep has removed her", async || {
        (personal_data(&world).await == 0).then_some(())
    })
    .await;
    eventually("the video that waited is withdrawn, or was faster", async || {
        (stage(&world, waiting).await != "pending").then_some(())
    })
    .await;
    assert_eq!(stage(&world, published).await, "processed");
    assert!(server.interrupt().await.success());
}

async fn personal_data(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from personal_data").fetch_one(&world.pool).await.unwrap()
}
