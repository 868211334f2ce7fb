//! Positions of an artist on each board, the rows around them, and the list of boards.

use serde_json::{Value, json};
use uuid::Uuid;

use super::fixture::RankingFixture;
use crate::e2e::harness::ApiResponse;
use crate::e2e::harness::api_response::assert_problems;
use crate::e2e::harness::client::SendRequest;

impl RankingFixture {
    async fn standing(&self, artist: &str) -> ApiResponse {
        self.get(&format!("/artists/{artist}")).await
    }

    async fn own_standing(&self, artist: usize) -> ApiResponse {
        let token = &self.artists[artist].token;
        self.contract.api().get("/api/rankings/me").bearer_auth(token).response().await
    }

    fn id(&self, artist: usize) -> String {
        self.artists[artist].id.to_string()
    }
}

pub(super) async fn an_artist_has_a_position_on_each_of_their_boards(fixture: &RankingFixture) {
    let beto = fixture.standing(&fixture.id(1)).await.expect(200);
    for (member, value) in [
        ("artist_id", json!(fixture.id(1))),
        ("votes", json!(2)),
        ("city", json!("bogota")),
        ("country", json!("Colombia")),
        (
            "standings",
            json!([
                {"city": null, "country": null, "position": 2, "total": 4},
                {"city": null, "country": "Colombia", "position": 2, "total": 2},
                {"city": "bogota", "country": null, "position": 2, "total": 2},
                {"city": "bogota", "country": "Colombia", "position": 2, "total": 2},
            ]),
        ),
    ] {
        assert_eq!(beto[member], value, "{member}");
    }
    assert!(beto["username"].as_str().unwrap().contains("Beto"));
    assert!(chrono::DateTime::parse_from_rfc3339(beto["reached_at"].as_str().unwrap()).is_ok());
    assert_eq!(fixture.own_standing(1).await.expect(200), beto);
    let spelled = fixture.id(1).replace('-', "").to_uppercase();
    assert_eq!(fixture.standing(&spelled).await.expect(200), beto, "any spelling of a UUID");
    let cleo = fixture.own_standing(2).await.expect(200);
    assert_eq!(cleo["standings"][0]["position"], 3);
    assert_eq!(
        cleo["standings"][1],
        json!({"city": null, "country": "Perú", "position": 1, "total": 2})
    );
}

pub(super) async fn an_artist_without_published_videos_has_no_position(fixture: &RankingFixture) {
    for unknown in [&fixture.id(4), &Uuid::new_v4().to_string(), "nobody", "%00"] {
        fixture.standing(unknown).await.expect_error(404, "Artista no encontrado");
        fixture.get(&format!("/around/{unknown}")).await.expect_error(404, "Artista no encontrado");
    }
    fixture.own_standing(4).await.expect_error(404, "Aún no tienes videos publicados");
    fixture.contract.api().fetch("/api/rankings/me").await.expect_error(403, "Not authenticated");
}

pub(super) async fn rows_around_an_artist_match_the_full_page(fixture: &RankingFixture) {
    let around = async |artist: usize, query: &str| -> (Vec<Value>, Value) {
        let path = format!("/around/{}{query}", fixture.id(artist));
        let found = fixture.get(&path).await.expect(200);
        (found["rankings"].as_array().unwrap().clone(), found["total"].clone())
    };
    let all = fixture.get("").await.expect(200)["rankings"].as_array().unwrap().clone();
    assert_eq!(around(1, "").await, (all.clone(), json!(4)));
    assert_eq!(around(1, "?size=1").await.0, all[1..2]);
    assert_eq!(around(2, "?size=3").await.0, all[1..4]);
    assert_eq!(around(0, "?size=3").await.0, all[..3], "the first has nobody before them");
    assert_eq!(around(3, "?size=3").await.0, all[1..], "the last has nobody behind them");
    let lima = fixture.get("?city=lima").await.expect(200)["rankings"].as_array().unwrap().clone();
    assert_eq!(around(3, "?city=LIMA&size=5").await, (lima, json!(2)));
    let elsewhere = format!("/around/{}?country=Colombia", fixture.id(3));
    fixture.get(&elsewhere).await.expect_error(404, "Artista no encontrado");
    let path = format!("/around/{}?size=0", fixture.id(0));
    assert_problems(&fixture.get(&path).await.problems(), &[("greater_than_equal", "query.size")]);
}

pub(super) async fn boards_are_listed_with_their_sizes(fixture: &RankingFixture) {
    let list = fixture.get("/boards").await.expect(200);
    let expected = json!({
        "boards": [
            {"city": null, "country": null, "artists": 4},
            {"city": null, "country": "Colombia", "artists": 2},
            {"city": null, "country": "Perú", "artists": 2},
            {"city": "Bogotá", "country": null, "artists": 2},
            {"city": "Lima", "country": null, "artists": 2},
        ],
        "total": 5, "page": 1, "page_size": 20, "total_pages": 1,
    });
    assert_eq!(list, expected);
    let second = fixture.get("/boards?page=2&page_size=2").await.expect(200);
    assert_eq!(
        second["boards"].as_array().unwrap()[..],
        expected["boards"].as_array().unwrap()[2..4]
    );
    assert_eq!((&second["total"], &second["total_pages"]), (&json!(5), &json!(3)));
    assert_eq!(
        fixture.get("/boards?page=99999999999999999999").await.expect(200)["boards"],
        json!([])
    );
    assert_problems(
        &fixture.get("/boards?page=0&page_size=101").await.problems(),
        &[("greater_than_equal", "query.page"), ("less_than_equal", "query.page_size")],
    );
}
