//! Authentication of the routes that need an access token.

use jsonwebtoken::Algorithm;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::fixture::ContractFixture;
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::{Roles, TEST_TIMEOUT, TestEnvironment, access_token};

test_on_both_backends!(authentication);

async fn authentication(env: TestEnvironment) {
    let fixture = ContractFixture::start(env, Roles::NoTranscoder).await;
    check_rules!(&fixture;
        a_request_without_a_token_is_rejected,
        another_authentication_scheme_is_rejected,
        the_authentication_scheme_is_case_insensitive,
        a_forged_or_expired_token_is_rejected,
        a_token_of_an_unknown_account_is_rejected,
        an_unauthenticated_upload_is_rejected_before_its_body_is_sent,
    );
}

fn routes(fixture: &ContractFixture) -> Vec<RequestBuilder> {
    let video = Uuid::nil();
    [
        (Method::GET, "/api/videos".to_owned()),
        (Method::GET, format!("/api/videos/{video}")),
        (Method::DELETE, format!("/api/videos/{video}")),
        (Method::POST, "/api/videos/upload".to_owned()),
        (Method::POST, format!("/api/public/videos/{video}/vote")),
    ]
    .into_iter()
    .map(|(method, path)| fixture.api().request(method, &path))
    .collect()
}

async fn a_request_without_a_token_is_rejected(fixture: &ContractFixture) {
    for request in routes(fixture) {
        request.response().await.expect_error(403, "Not authenticated");
    }
    for request in routes(fixture) {
        let response = request.header(AUTHORIZATION, "Bearer ").response().await;
        response.expect_error(403, "Not authenticated");
    }
}

async fn another_authentication_scheme_is_rejected(fixture: &ContractFixture) {
    for request in routes(fixture) {
        let response = request.header(AUTHORIZATION, "Basic YW5hOmNsYXZl").response().await;
        response.expect_error(403, "Invalid authentication credentials");
    }
}

async fn the_authentication_scheme_is_case_insensitive(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = fixture.api().get("/api/videos");
        request
            .header(AUTHORIZATION, format!("{scheme} {}", ana.token))
            .response()
            .await
            .expect(200);
    }
}

async fn a_forged_or_expired_token_is_rejected(fixture: &ContractFixture) {
    let ana = fixture.api().new_person("Ana").await;
    let (sub, later, past) =
        (ana.id.to_string(), access_token::now() + 3_600, access_token::now() - 60);
    let claims = json!({"sub": sub, "exp": later});
    let genuine = access_token::genuine(&claims);
    fixture.api().get("/api/videos").bearer_auth(&genuine).response().await.expect(200);

    let mut altered = ana.token.clone();
    // Alters the last character but one: the last one carries unused bits.
    let end = altered.split_off(altered.len() - 2);
    altered.push(if end.starts_with('A') { 'B' } else { 'A' });
    altered.push_str(&end[1..]);
    let tokens = [
        ("altered", altered),
        (
            "another key",
            access_token::signed(&claims, Algorithm::HS256, "another secret, also long enough"),
        ),
        ("HS384", access_token::signed(&claims, Algorithm::HS384, access_token::secret())),
        ("HS512", access_token::signed(&claims, Algorithm::HS512, access_token::secret())),
        ("none", access_token::unsigned(&claims)),
        ("expired", access_token::genuine(&json!({"sub": sub, "exp": past}))),
        ("no exp", access_token::genuine(&json!({"sub": sub}))),
        ("no sub", access_token::genuine(&json!({"exp": later}))),
        ("sub is no UUID", access_token::genuine(&json!({"sub": "ana", "exp": later}))),
        ("sub is a number", access_token::genuine(&json!({"sub": 7, "exp": later}))),
        ("nonsense", "nonsense".to_owned()),
        ("three dots", "a.b.c".to_owned()),
    ];
    for (what, token) in tokens {
        let response = fixture.api().get("/api/videos").bearer_auth(token).response().await;
        assert_eq!(response.status, 401, "{what}: {}", response.text());
        response.expect_error(401, "Could not validate credentials");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"), "{what}");
    }
}

async fn a_token_of_an_unknown_account_is_rejected(fixture: &ContractFixture) {
    let claims = json!({"sub": Uuid::new_v4().to_string(), "exp": access_token::now() + 3_600});
    let token = access_token::genuine(&claims);
    for request in routes(fixture) {
        request.bearer_auth(&token).response().await.expect_error(401, "User not found");
    }
}

async fn an_unauthenticated_upload_is_rejected_before_its_body_is_sent(fixture: &ContractFixture) {
    let address = fixture.api().base.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/videos/upload HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    tokio::time::timeout(TEST_TIMEOUT, connection.read_exact(&mut start)).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 403");
}
