//! An idempotency key stands for one request: the same one again has the same answer, another one is
//! refused and changes nothing.

use reqwest::Method;
use serde_json::Value;

use super::harness::client::{Ask, PASSWORD, new_email, registration};
use super::harness::{Answer, Api, Person, Roles, Server, Upload, World, clip};

on_both!(
    a_key_of_an_upload,
    a_key_of_a_registration,
    a_key_of_a_vote,
    a_key_of_a_deletion,
    a_key_of_somebody_who_has_left,
);

const KEY: &str = "idempotency-key";

#[track_caller]
fn reused(answer: &Answer) {
    answer.problem().is("value_error", "header.Idempotency-Key");
    assert_eq!(answer.json()["code"], "idempotency_key_reused");
}

async fn upload(api: &Api, owner: &Person, upload: Upload) -> Answer {
    api.upload_request(owner, upload).header(KEY, "una cancion").answer().await
}

async fn a_key_of_an_upload(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let first = upload(api, &ana, Upload::of(clip::real())).await.ok(201);
    let others = [
        Upload { title: Some("Otra canción".into()), ..Upload::of(clip::real()) },
        Upload { description: Some("En estudio".into()), ..Upload::of(clip::real()) },
        Upload { description: None, ..Upload::of(clip::real()) },
        Upload::of(clip::of_size(clip::real().len() + 64)),
        Upload::of(clip::broken()),
    ];
    for other in others {
        reused(&upload(api, &ana, other).await);
    }
    assert_eq!(upload(api, &ana, Upload::of(clip::real())).await.ok(201), first);

    let list = api.get("/api/videos").bearer_auth(&ana.token).answer().await.ok(200);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(
        (&list[0]["title"], &list[0]["description"]),
        (&first["title"], &first["description"])
    );
    let original = api.fetch(list[0]["original_url"].as_str().unwrap()).await;
    assert_eq!(original.body, clip::real(), "the first original is still there");

    let beto = api.somebody("Beto").await;
    let title = Some("La mía".to_owned());
    upload(api, &beto, Upload { title, ..Upload::of(clip::real()) }).await.ok(201);
}

async fn a_key_of_a_registration(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let sign_up = async |body: &Value| {
        api.post("/api/auth/signup").header(KEY, "una persona").json(body).answer().await
    };
    let body = registration(&new_email("una.persona"));
    let first = sign_up(&body).await.ok(201);
    let with = |changes: &[(&str, &str)]| {
        let mut other = body.clone();
        for (member, value) in changes {
            other[*member] = (*value).into();
        }
        other
    };
    let shouted = body["email"].as_str().unwrap().to_uppercase();
    let password = "otro caballo correcto";
    let others = [
        with(&[("first_name", "Aña")]),
        with(&[("last_name", "Rincon")]),
        with(&[("email", &shouted)]),
        with(&[("city", "Cali")]),
        with(&[("country", "Perú")]),
        with(&[("password1", password), ("password2", password)]),
    ];
    for other in others {
        reused(&sign_up(&other).await);
    }
    assert_eq!(sign_up(&body).await.ok(201), first);
    let email = body["email"].as_str().unwrap();
    api.log_in(email, PASSWORD).await.ok(200);
    api.log_in(email, password).await.error(401, "Email o contraseña incorrectos");
    let another = registration(&new_email("otra.persona"));
    assert_ne!(sign_up(&another).await.ok(201)["id"], first["id"], "a key is a person's own");
}

async fn a_key_of_a_vote(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let beto = api.somebody("Beto").await;
    let videos = world.published(&ana, 2).await;
    let vote = async |voter: &Person, video| {
        api.vote_request(voter, video).header(KEY, "un voto").answer().await
    };
    let first = vote(&beto, videos[0]).await.ok(200);
    reused(&vote(&beto, videos[1]).await);
    assert_eq!(vote(&beto, videos[0]).await.ok(200), first);
    assert_eq!(api.video(&ana, videos[1]).await.ok(200)["votes"], 0);
    vote(&ana, videos[1]).await.ok(200);
    api.vote(&beto, videos[1]).await.ok(200);
}

async fn a_key_of_a_deletion(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let videos = world.published(&ana, 2).await;
    let delete = async |video| {
        let request = api.request(Method::DELETE, &format!("/api/videos/{video}"));
        request.bearer_auth(&ana.token).header(KEY, "un borrado").answer().await
    };
    let first = delete(videos[0]).await.ok(200);
    reused(&delete(videos[1]).await);
    assert_eq!(delete(videos[0]).await.ok(200), first);
    api.video(&ana, videos[1]).await.ok(200);
    api.delete(&ana, videos[1]).await.ok(200);
}

/// A late retry of a sign-up must not write down again who has left since.
async fn a_key_of_somebody_who_has_left(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let body = registration(&new_email("fugaz"));
    let sign_up =
        async || api.post("/api/auth/signup").header(KEY, "fugaz").json(&body).answer().await;
    let account = sign_up().await.ok(201);
    let email = body["email"].as_str().unwrap();
    let session = api.log_in(email, PASSWORD).await.ok(200);
    let person = Person {
        id: account["id"].as_str().unwrap().parse().unwrap(),
        first_name: "Fugaz".to_owned(),
        email: email.to_owned(),
        token: session["access_token"].as_str().unwrap().to_owned(),
    };
    api.erase(&person).await.ok(200);

    sign_up().await.error(400, "La cuenta ha sido eliminada");
    let known: i64 = sqlx::query_scalar("select count(*) from personal_data")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(known, 0);
    assert_ne!(api.sign_up(&body).await.ok(201)["id"], account["id"]);
}
