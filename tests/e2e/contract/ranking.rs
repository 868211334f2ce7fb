//! `GET /api/public/rankings`.

use serde_json::{Value, json};

mod kept;
mod standings;

use kept::*;
use standings::*;

use super::Stage;
use crate::e2e::harness::answer::assert_problems;
use crate::e2e::harness::{Answer, Person, Roles, World, eventually};

on_both!(ranking);

/// Ana (Bogotá) has 3 votes over two videos, Beto (Bogotá) 2, Cleo (Lima) 2 reached later, Dora
/// (Lima) none. Eva has uploaded nothing.
struct Scene {
    stage: Stage,
    artists: Vec<Person>,
}

async fn ranking(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    hold!(&stage; an_empty_contest_has_an_empty_ranking);
    let scene = &Scene::set(stage).await;
    hold!(scene;
        votes_are_summed_and_ties_go_to_the_earlier,
        pages_go_on_counting,
        a_page_past_the_end_is_empty_with_the_true_total,
        boards_match_regardless_of_case_and_accents,
        what_is_out_of_range_is_refused_all_at_once,
        an_artist_stands_somewhere_on_each_of_their_boards,
        who_does_not_rank_stands_nowhere,
        the_rows_around_an_artist_are_those_of_the_page,
        boards_are_listed_with_their_sizes,
        caches_may_keep_a_page_for_a_second,
        a_page_is_sent_in_the_encoding_that_the_client_takes,
        an_unchanged_ranking_is_not_sent_again,
        a_ranking_that_changed_is_sent,
        a_page_that_is_ready_counts_like_any_other,
    );
}

async fn an_empty_contest_has_an_empty_ranking(stage: &Stage) {
    let ranking = stage.api().fetch("/api/public/rankings").await.ok(200);
    let empty = json!({"rankings": [], "total": 0, "page": 1, "page_size": 20, "total_pages": 0});
    assert_eq!(ranking, empty);
}

impl Scene {
    async fn set(stage: Stage) -> Self {
        let api = stage.api();
        let mut artists = Vec::new();
        for (name, city, country) in [
            ("Ana", "Bogotá", "Colombia"),
            ("Beto", "bogota", "Colombia"),
            ("Cleo", "Lima", "Perú"),
            ("Dora", "Lima", "Perú"),
            ("Eva", "Lima", "Perú"),
        ] {
            artists.push(api.somebody_from(name, city, country).await);
        }
        let [ana, beto, cleo, dora, eva] = &artists[..] else { unreachable!() };
        let anas = stage.world.published(ana, 2).await;
        let betos = stage.world.published(beto, 1).await;
        let cleos = stage.world.published(cleo, 1).await;
        stage.world.published(dora, 1).await;
        for (voter, video) in [
            (ana, betos[0]),
            (beto, betos[0]),
            (ana, cleos[0]),
            (cleo, cleos[0]),
            (ana, anas[0]),
            (dora, anas[1]),
            (eva, anas[1]),
        ] {
            api.vote(voter, video).await.ok(200);
        }
        let scene = Self { stage, artists };
        // A verdict does not wait for the boards: those follow within moments.
        eventually("all votes are on the board", async || {
            let ranking = scene.ask("").await.ok(200);
            let rows = ranking["rankings"].as_array().unwrap();
            let votes: u64 = rows.iter().map(|row| row["votes"].as_u64().unwrap()).sum();
            (votes == 7 && rows.len() == 4).then_some(())
        })
        .await;
        scene
    }

    async fn ask(&self, query: &str) -> Answer {
        self.stage.api().fetch(&format!("/api/public/rankings{query}")).await
    }

    /// (position, artist's place in the cast, votes) of each row.
    async fn rows(&self, query: &str) -> Vec<(u64, usize, u64)> {
        let row = |row: &Value| {
            let id = row["artist_id"].as_str().unwrap();
            let known = |person: &Person| person.id.to_string() == id;
            let artist = self.artists.iter().position(known).unwrap();
            let name = row["username"].as_str().unwrap();
            assert!(name.contains(&self.artists[artist].first_name), "{row}");
            (row["position"].as_u64().unwrap(), artist, row["votes"].as_u64().unwrap())
        };
        self.ask(query).await.ok(200)["rankings"].as_array().unwrap().iter().map(row).collect()
    }
}

async fn votes_are_summed_and_ties_go_to_the_earlier(scene: &Scene) {
    assert_eq!(scene.rows("").await, [(1, 0, 3), (2, 1, 2), (3, 2, 2), (4, 3, 0)]);
    let whole = scene.ask("").await.ok(200);
    assert_eq!((&whole["total"], &whole["total_pages"]), (&json!(4), &json!(1)));
    assert_eq!(whole["rankings"][0]["city"], "Bogotá");
    assert_eq!(whole["rankings"][0]["country"], "Colombia");
}

async fn pages_go_on_counting(scene: &Scene) {
    assert_eq!(scene.rows("?page=1&page_size=3").await, [(1, 0, 3), (2, 1, 2), (3, 2, 2)]);
    assert_eq!(scene.rows("?page=2&page_size=3").await, [(4, 3, 0)]);
    let page = scene.ask("?page=2&page_size=3").await.ok(200);
    for (member, value) in [("total", 4), ("page", 2), ("page_size", 3), ("total_pages", 2)] {
        assert_eq!(page[member], value, "{member}");
    }
}

async fn a_page_past_the_end_is_empty_with_the_true_total(scene: &Scene) {
    for page in ["3", "1000000", "18446744073709551615", "99999999999999999999999"] {
        let answer = scene.ask(&format!("?page={page}&page_size=3")).await.ok(200);
        assert_eq!(answer["rankings"], json!([]), "{page}");
        assert_eq!((&answer["total"], &answer["total_pages"]), (&json!(4), &json!(2)), "{page}");
    }
}

async fn boards_match_regardless_of_case_and_accents(scene: &Scene) {
    for query in ["?city=BOGOT%C3%81", "?city=bogota", "?country=COLOMBIA"] {
        assert_eq!(scene.rows(query).await, [(1, 0, 3), (2, 1, 2)], "{query}");
    }
    for query in ["?city=lima&country=peru", "?country=Peru%CC%81"] {
        assert_eq!(scene.rows(query).await, [(1, 2, 2), (2, 3, 0)], "{query}");
    }
    assert_eq!(scene.rows("?city=Lima&country=Colombia").await, []);
    assert_eq!(scene.ask("?city=Quito").await.ok(200)["total"], 0);
}

async fn what_is_out_of_range_is_refused_all_at_once(scene: &Scene) {
    assert_problems(
        &scene.ask("?page=0&page_size=101").await.problems(),
        &[("greater_than_equal", "query.page"), ("less_than_equal", "query.page_size")],
    );
    assert_problems(
        &scene.ask("?page=uno&page_size=").await.problems(),
        &[("int_parsing", "query.page"), ("int_parsing", "query.page_size")],
    );
}
