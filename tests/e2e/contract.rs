//! The HTTP contract, row by row.

mod general;
mod own_videos;
mod protected;
mod public_list;
mod ranking;
mod signing_in;
mod signing_up;
mod uploading;
mod voting;

use super::harness::{Api, Roles, Server, World};

/// What the rows of one group share.
struct Stage {
    server: Server,
    world: World,
}

impl Stage {
    async fn open(world: World, roles: Roles) -> Self {
        Self { server: Server::start(&world, roles).await, world }
    }

    fn api(&self) -> &Api {
        &self.server.api
    }
}
