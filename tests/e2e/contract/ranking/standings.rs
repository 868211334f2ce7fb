//! What an artist wants to know: their place on each board, who is around them, which boards there are.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Scene;
use crate::e2e::harness::Answer;
use crate::e2e::harness::answer::assert_problems;
use crate::e2e::harness::client::Ask;

impl Scene {
    async fn standing(&self, artist: &str) -> Answer {
        self.ask(&format!("/artists/{artist}")).await
    }

    async fn own_standing(&self, artist: usize) -> Answer {
        let token = &self.artists[artist].token;
        self.stage.api().get("/api/rankings/me").bearer_auth(token).answer().await
    }

    fn id(&self, artist: usize) -> String {
        self.artists[artist].id.to_string()
    }
}

pub(super) async fn an_artist_stands_somewhere_on_each_of_their_boards(scene: &Scene) {
    let beto = scene.standing(&scene.id(1)).await.ok(200);
    for (member, value) in [
        ("artist_id", json!(scene.id(1))),
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
    assert_eq!(scene.own_standing(1).await.ok(200), beto);
    let spelled = scene.id(1).replace('-', "").to_uppercase();
    assert_eq!(scene.standing(&spelled).await.ok(200), beto, "any spelling of a UUID");
    let cleo = scene.own_standing(2).await.ok(200);
    assert_eq!(cleo["standings"][0]["position"], 3);
    assert_eq!(
        cleo["standings"][1],
        json!({"city": null, "country": "Perú", "position": 1, "total": 2})
    );
}

pub(super) async fn who_does_not_rank_stands_nowhere(scene: &Scene) {
    for unknown in [&scene.id(4), &Uuid::new_v4().to_string(), "nobody", "%00"] {
        scene.standing(unknown).await.error(404, "Artista no encontrado");
        scene.ask(&format!("/around/{unknown}")).await.error(404, "Artista no encontrado");
    }
    scene.own_standing(4).await.error(404, "Aún no tienes videos publicados");
    scene.stage.api().fetch("/api/rankings/me").await.error(403, "Not authenticated");
}

pub(super) async fn the_rows_around_an_artist_are_those_of_the_page(scene: &Scene) {
    let around = async |artist: usize, query: &str| -> (Vec<Value>, Value) {
        let path = format!("/around/{}{query}", scene.id(artist));
        let found = scene.ask(&path).await.ok(200);
        (found["rankings"].as_array().unwrap().clone(), found["total"].clone())
    };
    let all = scene.ask("").await.ok(200)["rankings"].as_array().unwrap().clone();
    assert_eq!(around(1, "").await, (all.clone(), json!(4)));
    assert_eq!(around(1, "?size=1").await.0, all[1..2]);
    assert_eq!(around(2, "?size=3").await.0, all[1..4]);
    assert_eq!(around(0, "?size=3").await.0, all[..3], "the first has nobody before them");
    assert_eq!(around(3, "?size=3").await.0, all[1..], "the last has nobody behind them");
    let lima = scene.ask("?city=lima").await.ok(200)["rankings"].as_array().unwrap().clone();
    assert_eq!(around(3, "?city=LIMA&size=5").await, (lima, json!(2)));
    let elsewhere = format!("/around/{}?country=Colombia", scene.id(3));
    scene.ask(&elsewhere).await.error(404, "Artista no encontrado");
    let path = format!("/around/{}?size=0", scene.id(0));
    assert_problems(&scene.ask(&path).await.problems(), &[("greater_than_equal", "query.size")]);
}

pub(super) async fn boards_are_listed_with_their_sizes(scene: &Scene) {
    let list = scene.ask("/boards").await.ok(200);
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
    let second = scene.ask("/boards?page=2&page_size=2").await.ok(200);
    assert_eq!(
        second["boards"].as_array().unwrap()[..],
        expected["boards"].as_array().unwrap()[2..4]
    );
    assert_eq!((&second["total"], &second["total_pages"]), (&json!(5), &json!(3)));
    assert_eq!(scene.ask("/boards?page=99999999999999999999").await.ok(200)["boards"], json!([]));
    assert_problems(
        &scene.ask("/boards?page=0&page_size=101").await.problems(),
        &[("greater_than_equal", "query.page"), ("less_than_equal", "query.page_size")],
    );
}
