//! What the rules of the protocol share.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::e2e::harness::tus::TusClient;
use crate::e2e::harness::{ApiClient, Person, Roles, Server, TestEnvironment};

/// A running server, and clients of its uploads.
pub(super) struct TusFixture {
    server: Server,
    pub(super) env: TestEnvironment,
}

impl TusFixture {
    pub(super) async fn start(env: TestEnvironment) -> Self {
        Self { server: Server::start(&env, Roles::NoTranscoder).await, env }
    }

    pub(super) fn api(&self) -> &ApiClient {
        &self.server.api
    }

    pub(super) async fn new_person(&self) -> (TusClient, Person) {
        let person = self.api().new_person("Ana").await;
        (TusClient::of(self.api(), &person), person)
    }

    /// The number of unfinished uploads of a person.
    pub(super) async fn unfinished_uploads(&self, owner: &Person) -> i64 {
        let sql = "select count(*) from resumable_uploads where owner = $1 and video_id is null";
        sqlx::query_scalar(sql).bind(owner.id.0).fetch_one(&self.env.pool).await.unwrap()
    }
}

/// The value of `Upload-Checksum` for these bytes.
pub(super) fn sha1(bytes: &[u8]) -> String {
    format!("sha1 {}", STANDARD.encode(Sha1::digest(bytes)))
}
