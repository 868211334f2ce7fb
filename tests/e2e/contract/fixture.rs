//! What the rules of one group share.

use crate::e2e::harness::{ApiClient, Roles, Server, TestEnvironment};

/// A running server and its environment.
pub(super) struct ContractFixture {
    pub(super) server: Server,
    pub(super) env: TestEnvironment,
}

impl ContractFixture {
    pub(super) async fn start(env: TestEnvironment, roles: Roles) -> Self {
        Self { server: Server::start(&env, roles).await, env }
    }

    pub(super) fn api(&self) -> &ApiClient {
        &self.server.api
    }
}
