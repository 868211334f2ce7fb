//! The contest that the rules of the ranking read.

use serde_json::Value;

use crate::e2e::contract::fixture::ContractFixture;
use crate::e2e::harness::{ApiResponse, Person, eventually};

/// Ana (Bogotá) has 3 votes over two videos, Beto (Bogotá) 2, Cleo (Lima) 2 reached later, Dora
/// (Lima) none. Eva has uploaded nothing.
pub(super) struct RankingFixture {
    pub(super) contract: ContractFixture,
    pub(super) artists: Vec<Person>,
}

impl RankingFixture {
    pub(super) async fn set_up(contract: ContractFixture) -> Self {
        let api = contract.api();
        let mut artists = Vec::new();
        for (name, city, country) in [
            ("Ana", "Bogotá", "Colombia"),
            ("Beto", "bogota", "Colombia"),
            ("Cleo", "Lima", "Perú"),
            ("Dora", "Lima", "Perú"),
            ("Eva", "Lima", "Perú"),
        ] {
            artists.push(api.new_person_from(name, city, country).await);
        }
        let [ana, beto, cleo, dora, eva] = &artists[..] else { unreachable!() };
        let anas = contract.env.publish_videos(ana, 2).await;
        let betos = contract.env.publish_videos(beto, 1).await;
        let cleos = contract.env.publish_videos(cleo, 1).await;
        contract.env.publish_videos(dora, 1).await;
        for (voter, video) in [
            (ana, betos[0]),
            (beto, betos[0]),
            (ana, cleos[0]),
            (cleo, cleos[0]),
            (ana, anas[0]),
            (dora, anas[1]),
            (eva, anas[1]),
        ] {
            api.vote(voter, video).await.expect(200);
        }
        let fixture = Self { contract, artists };
        // Boards follow a verdict with a short delay.
        eventually("all votes are on the board", async || {
            let ranking = fixture.get("").await.expect(200);
            let rows = ranking["rankings"].as_array().unwrap();
            let votes: u64 = rows.iter().map(|row| row["votes"].as_u64().unwrap()).sum();
            (votes == 7 && rows.len() == 4).then_some(())
        })
        .await;
        fixture
    }

    /// `GET /api/public/rankings` with this path and query after it.
    pub(super) async fn get(&self, query: &str) -> ApiResponse {
        self.contract.api().fetch(&format!("/api/public/rankings{query}")).await
    }

    /// (position, index in [`Self::artists`], votes) of each row.
    pub(super) async fn rows(&self, query: &str) -> Vec<(u64, usize, u64)> {
        let row = |row: &Value| {
            let id = row["artist_id"].as_str().unwrap();
            let known = |person: &Person| person.id.to_string() == id;
            let artist = self.artists.iter().position(known).unwrap();
            let name = row["username"].as_str().unwrap();
            assert!(name.contains(&self.artists[artist].first_name), "{row}");
            (row["position"].as_u64().unwrap(), artist, row["votes"].as_u64().unwrap())
        };
        self.get(query).await.expect(200)["rankings"].as_array().unwrap().iter().map(row).collect()
    }
}
