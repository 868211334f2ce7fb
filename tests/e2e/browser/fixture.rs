//! The contest that most browser tests show.

use domain::VideoId;

use crate::e2e::harness::chromium::{Browser, BrowserProfile};
use crate::e2e::harness::{Person, Roles, Server, TestEnvironment, eventually};

/// Three artists with a video each. The first one has a vote.
pub(super) struct ContestFixture {
    pub(super) env: TestEnvironment,
    pub(super) server: Server,
    pub(super) artists: Vec<Person>,
    pub(super) videos: Vec<VideoId>,
}

impl ContestFixture {
    pub(super) async fn set_up() -> Self {
        let env = TestEnvironment::embedded().await;
        let server = Server::start(&env, Roles::NoTranscoder).await;
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
            let artist = api.new_person_from(name, city, country).await;
            videos.push(env.publish_videos(&artist, 1).await[0]);
            artists.push(artist);
        }
        let voter = api.new_person("Zoe").await;
        api.vote(&voter, videos[0]).await.expect(200);
        eventually("all rank", async || {
            let ranking = api.fetch("/api/public/rankings").await.expect(200);
            (ranking["total"] == 3 && ranking["rankings"][0]["votes"] == 1).then_some(())
        })
        .await;
        Self { env, server, artists, videos }
    }

    pub(super) async fn make_operator(&self, person: &Person) {
        self.env.run(&["operator", "grant", &person.email]).await.unwrap();
    }

    pub(super) async fn open_browser(&self, profile: BrowserProfile) -> Browser {
        Browser::open(&self.server.api, profile).await
    }
}
