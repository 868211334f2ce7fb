//! The contest in a real browser: headless Chromium.

mod barriers;
mod budgets;
mod live;
mod story;
mod tour;
mod uploading;

use super::harness::chromium::{Browser, Look};
use super::harness::{Roles, Server, World, eventually};

/// A contest with a few artists, the first of whom has a vote more than the others.
struct Stage {
    world: World,
    server: Server,
    artists: Vec<super::harness::Person>,
    videos: Vec<domain::VideoId>,
}

impl Stage {
    async fn set() -> Self {
        let world = World::embedded().await;
        let server = Server::start(&world, Roles::NoTranscoder).await;
        let api = &server.api;
        let (mut artists, mut videos) = (Vec::new(), Vec::new());
        for (name, city, country) in [
            ("Ana", "Bogotá", "Colombia"),
            ("Beto", "Medellín", "Colombia"),
            (
                "Maximiliana Aurora de la Santísima Trinidad",
                "San Francisco de Macorís",
                "República Dominicana",
            ),
        ] {
            let artist = api.somebody_from(name, city, country).await;
            videos.push(world.published(&artist, 1).await[0]);
            artists.push(artist);
        }
        let voter = api.somebody("Zoe").await;
        api.vote(&voter, videos[0]).await.ok(200);
        eventually("all rank", async || {
            let ranking = api.fetch("/api/public/rankings").await.ok(200);
            (ranking["total"] == 3 && ranking["rankings"][0]["votes"] == 1).then_some(())
        })
        .await;
        Self { world, server, artists, videos }
    }

    async fn make_operator(&self, person: &super::harness::Person) {
        let granted = self.world.anb(&["operator", "grant", &person.email]).output().await.unwrap();
        assert!(granted.status.success(), "{granted:?}");
    }

    async fn browser(&self, look: Look) -> Browser {
        Browser::open(&self.server.api, look).await
    }
}
