//! An idempotency key stands for one request. A retry gets the same response; another request with the
//! key is rejected and changes nothing.

use reqwest::Method;
use serde_json::Value;

use super::harness::client::{PASSWORD, SendRequest, new_email, registration};
use super::harness::{
    ApiClient, ApiResponse, Person, Roles, Server, TestEnvironment, Upload, clip,
};

test_on_both_backends!(
    an_upload_key_stands_for_one_upload,
    a_registration_key_stands_for_one_registration,
    a_vote_key_stands_for_one_vote,
    a_deletion_key_stands_for_one_deletion,
    a_registration_retried_after_its_erasure_is_rejected,
);

const KEY: &str = "idempotency-key";

#[track_caller]
fn assert_key_reused(response: &ApiResponse) {
    response.problem().is("value_error", "header.Idempotency-Key");
    assert_eq!(response.json()["code"], "idempotency_key_reused");
}

async fn upload(api: &ApiClient, owner: &Person, upload: Upload) -> ApiResponse {
    api.upload_request(owner, upload).header(KEY, "una cancion").response().await
}

async fn an_upload_key_stands_for_one_upload(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let first = upload(api, &ana, Upload::of(clip::real())).await.expect(201);
    let others = [
        Upload { title: Some("Otra canción".into()), ..Upload::of(clip::real()) },
        Upload { description: Some("En estudio".into()), ..Upload::of(clip::real()) },
        Upload { description: None, ..Upload::of(clip::real()) },
        Upload::of(clip::of_size(clip::real().len() + 64)),
        Upload::of(clip::broken()),
    ];
    for other in others {
        assert_key_reused(&upload(api, &ana, other).await);
    }
    assert_eq!(upload(api, &ana, Upload::of(clip::real())).await.expect(201), first);

    let list = api.get("/api/videos").bearer_auth(&ana.token).response().await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(
        (&list[0]["title"], &list[0]["description"]),
        (&first["title"], &first["description"])
    );
    let original = api.fetch(list[0]["original_url"].as_str().unwrap()).await;
    assert_eq!(original.body, clip::real(), "the first original is still there");

    let beto = api.new_person("Beto").await;
    let title = Some("La mía".to_owned());
    upload(api, &beto, Upload { title, ..Upload::of(clip::real()) }).await.expect(201);
}

async fn a_registration_key_stands_for_one_registration(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let sign_up = async |body: &Value| {
        api.post("/api/auth/signup").header(KEY, "una persona").json(body).response().await
    };
    let body = registration(&new_email("una.persona"));
    let first = sign_up(&body).await.expect(201);
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
        assert_key_reused(&sign_up(&other).await);
    }
    assert_eq!(sign_up(&body).await.expect(201), first);
    let email = body["email"].as_str().unwrap();
    api.log_in(email, PASSWORD).await.expect(200);
    api.log_in(email, password).await.expect_error(401, "Email o contraseña incorrectos");
    let another = registration(&new_email("otra.persona"));
    assert_ne!(sign_up(&another).await.expect(201)["id"], first["id"], "a key is a person's own");
}

async fn a_vote_key_stands_for_one_vote(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let beto = api.new_person("Beto").await;
    let videos = env.publish_videos(&ana, 2).await;
    let vote = async |voter: &Person, video| {
        api.vote_request(voter, video).header(KEY, "un voto").response().await
    };
    let first = vote(&beto, videos[0]).await.expect(200);
    assert_key_reused(&vote(&beto, videos[1]).await);
    assert_eq!(vote(&beto, videos[0]).await.expect(200), first);
    assert_eq!(api.video(&ana, videos[1]).await.expect(200)["votes"], 0);
    vote(&ana, videos[1]).await.expect(200);
    api.vote(&beto, videos[1]).await.expect(200);
}

async fn a_deletion_key_stands_for_one_deletion(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 2).await;
    let delete = async |video| {
        let request = api.request(Method::DELETE, &format!("/api/videos/{video}"));
        request.bearer_auth(&ana.token).header(KEY, "un borrado").response().await
    };
    let first = delete(videos[0]).await.expect(200);
    assert_key_reused(&delete(videos[1]).await);
    assert_eq!(delete(videos[0]).await.expect(200), first);
    api.video(&ana, videos[1]).await.expect(200);
    api.delete(&ana, videos[1]).await.expect(200);
}

/// A late retry of a registration must not restore erased personal data.
async fn a_registration_retried_after_its_erasure_is_rejected(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let body = registration(&new_email("fugaz"));
    let sign_up =
        async || api.post("/api/auth/signup").header(KEY, "fugaz").json(&body).response().await;
    let account = sign_up().await.expect(201);
    let email = body["email"].as_str().unwrap();
    let session = api.log_in(email, PASSWORD).await.expect(200);
    let person = Person {
        id: account["id"].as_str().unwrap().parse().unwrap(),
        first_name: "Fugaz".to_owned(),
        email: email.to_owned(),
        token: session["access_token"].as_str().unwrap().to_owned(),
    };
    api.erase(&person).await.expect(200);

    sign_up().await.expect_error(400, "La cuenta ha sido eliminada");
    let known: i64 = sqlx::query_scalar("select count(*) from personal_data")
        .fetch_one(&env.pool)
        .await
        .unwrap();
    assert_eq!(known, 0);
    assert_ne!(api.sign_up(&body).await.expect(201)["id"], account["id"]);
}
