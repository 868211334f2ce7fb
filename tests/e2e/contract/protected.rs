//! Routes that need a token.

use jsonwebtoken::Algorithm;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::Stage;
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::{PATIENCE, Roles, World, token};

on_both!(protected);

async fn protected(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    hold!(&stage;
        without_a_token_nobody_comes_in,
        another_scheme_is_refused,
        the_schemes_letter_case_does_not_matter,
        a_token_that_is_none_of_ours_is_refused,
        the_token_of_nobody_is_refused,
        an_upload_is_refused_before_its_body_is_sent,
    );
}

fn routes(stage: &Stage) -> Vec<RequestBuilder> {
    let video = Uuid::nil();
    [
        (Method::GET, "/api/videos".to_owned()),
        (Method::GET, format!("/api/videos/{video}")),
        (Method::DELETE, format!("/api/videos/{video}")),
        (Method::POST, "/api/videos/upload".to_owned()),
        (Method::POST, format!("/api/public/videos/{video}/vote")),
    ]
    .into_iter()
    .map(|(method, path)| stage.api().request(method, &path))
    .collect()
}

async fn without_a_token_nobody_comes_in(stage: &Stage) {
    for request in routes(stage) {
        request.answer().await.error(403, "Not authenticated");
    }
    for request in routes(stage) {
        let answer = request.header(AUTHORIZATION, "Bearer ").answer().await;
        answer.error(403, "Not authenticated");
    }
}

async fn another_scheme_is_refused(stage: &Stage) {
    for request in routes(stage) {
        let answer = request.header(AUTHORIZATION, "Basic YW5hOmNsYXZl").answer().await;
        answer.error(403, "Invalid authentication credentials");
    }
}

async fn the_schemes_letter_case_does_not_matter(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = stage.api().get("/api/videos");
        request.header(AUTHORIZATION, format!("{scheme} {}", ana.token)).answer().await.ok(200);
    }
}

async fn a_token_that_is_none_of_ours_is_refused(stage: &Stage) {
    let ana = stage.api().somebody("Ana").await;
    let (sub, later, past) = (ana.id.to_string(), token::now() + 3_600, token::now() - 60);
    let claims = json!({"sub": sub, "exp": later});
    let genuine = token::genuine(&claims);
    stage.api().get("/api/videos").bearer_auth(&genuine).answer().await.ok(200);

    let mut bent = ana.token.clone();
    let last = if bent.ends_with('A') { 'B' } else { 'A' };
    // The signature's last character carries unused bits; the one before does not.
    let end = bent.split_off(bent.len() - 2);
    bent.push(last);
    bent.push_str(&end[1..]);
    let tokens = [
        ("bent", bent),
        (
            "another key",
            token::signed(&claims, Algorithm::HS256, "another secret, also long enough"),
        ),
        ("HS384", token::signed(&claims, Algorithm::HS384, token::secret())),
        ("HS512", token::signed(&claims, Algorithm::HS512, token::secret())),
        ("none", token::unsigned(&claims)),
        ("expired", token::genuine(&json!({"sub": sub, "exp": past}))),
        ("no exp", token::genuine(&json!({"sub": sub}))),
        ("no sub", token::genuine(&json!({"exp": later}))),
        ("sub is no UUID", token::genuine(&json!({"sub": "ana", "exp": later}))),
        ("sub is a number", token::genuine(&json!({"sub": 7, "exp": later}))),
        ("nonsense", "nonsense".to_owned()),
        ("three dots", "a.b.c".to_owned()),
    ];
    for (what, token) in tokens {
        let answer = stage.api().get("/api/videos").bearer_auth(token).answer().await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        answer.error(401, "Could not validate credentials");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{what}");
    }
}

async fn the_token_of_nobody_is_refused(stage: &Stage) {
    let claims = json!({"sub": Uuid::new_v4().to_string(), "exp": token::now() + 3_600});
    let token = token::genuine(&claims);
    for request in routes(stage) {
        request.bearer_auth(&token).answer().await.error(401, "User not found");
    }
}

async fn an_upload_is_refused_before_its_body_is_sent(stage: &Stage) {
    let address = stage.api().base.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/videos/upload HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    tokio::time::timeout(PATIENCE, connection.read_exact(&mut start)).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 403");
}
