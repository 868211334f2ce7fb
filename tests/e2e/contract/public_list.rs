//! `GET /api/public/videos`.

use serde_json::{Value, json};

use super::Stage;
use crate::e2e::harness::answer::assert_problems;
use crate::e2e::harness::{Person, Roles, Upload, World, clip, eventually};

on_both!(public_list);

async fn public_list(world: World) {
    let stage = Stage::open(world, Roles::NoTranscoder).await;
    assert_eq!(stage.api().fetch("/api/public/videos").await.ok(200), json!([]));
    let cast = Cast::enter(&stage).await;
    let scene = &Scene { stage, cast };
    // A verdict does not wait for the list: it follows within moments.
    eventually("the list shows all votes", async || {
        let list = scene.list("").await;
        let votes: u64 = list.iter().map(|video| video["votes"].as_u64().unwrap()).sum();
        (list.len() == 5 && votes == 3).then_some(())
    })
    .await;
    hold!(scene;
        only_published_videos_are_shown_newest_first,
        each_says_who_plays_and_where_they_come_from,
        it_is_cut_by_skip_and_limit_or_by_pages,
        it_is_ordered_as_asked,
        it_is_filtered_regardless_of_case_and_accents,
        what_is_out_of_range_is_refused_all_at_once,
    );
}

/// Ana of Bogotá has three videos, Beto of Medellín two; Ana's second has two votes, Beto's first
/// one. There is one more that nobody may see.
struct Cast {
    ana: Person,
    /// From the oldest to the newest.
    titles: Vec<String>,
}

struct Scene {
    stage: Stage,
    cast: Cast,
}

impl Cast {
    async fn enter(stage: &Stage) -> Self {
        let ana = stage.api().somebody_from("Ana", "Bogotá", "Colombia").await;
        let beto = stage.api().somebody_from("Beto", "Medellín", "Colombia").await;
        let anas = stage.world.published(&ana, 3).await;
        let betos = stage.world.published(&beto, 2).await;
        for (voter, video) in [(&ana, anas[1]), (&beto, anas[1]), (&ana, betos[0])] {
            stage.api().vote(voter, video).await.ok(200);
        }
        stage.api().upload(&ana, Upload::of(clip::real())).await.ok(201);
        let ids = anas.iter().chain(&betos).map(ToString::to_string).collect();
        Self { ana, titles: ids }
    }
}

impl Scene {
    async fn list(&self, query: &str) -> Vec<Value> {
        let answer = self.stage.api().fetch(&format!("/api/public/videos{query}")).await;
        answer.ok(200).as_array().unwrap().clone()
    }

    /// The listed videos, by their place in the order of upload.
    async fn places(&self, query: &str) -> Vec<usize> {
        let place = |video: &Value| {
            let id = video["video_id"].as_str().unwrap();
            self.cast.titles.iter().position(|known| known == id).unwrap()
        };
        self.list(query).await.iter().map(place).collect()
    }
}

async fn only_published_videos_are_shown_newest_first(scene: &Scene) {
    assert_eq!(scene.places("").await, [4, 3, 2, 1, 0]);
}

async fn each_says_who_plays_and_where_they_come_from(scene: &Scene) {
    let list = scene.list("").await;
    let video = &list[3];
    assert_eq!(video["city"], "Bogotá");
    assert_eq!(video["country"], "Colombia");
    assert_eq!(video["votes"], 2);
    assert!(video["player_name"].as_str().unwrap().contains(&scene.cast.ana.first_name));
    assert!(video["title"].is_string());
    assert!(video["processed_url"].as_str().unwrap().starts_with("http"));
    assert!(chrono::DateTime::parse_from_rfc3339(video["uploaded_at"].as_str().unwrap()).is_ok());
    assert!(!video.to_string().contains(&scene.cast.ana.email), "personal data: {video}");
}

async fn it_is_cut_by_skip_and_limit_or_by_pages(scene: &Scene) {
    assert_eq!(scene.places("?skip=1&limit=2").await, [3, 2]);
    assert_eq!(scene.places("?limit=100").await, [4, 3, 2, 1, 0]);
    assert_eq!(scene.places("?skip=4").await, [0]);
    assert_eq!(scene.places("?page=2&page_size=2").await, [2, 1]);
    assert_eq!(scene.places("?page=3&page_size=2").await, [0]);
    for past in ["?skip=5", "?page=4&page_size=2", "?page=99999999999999999999&page_size=100"] {
        assert!(scene.list(past).await.is_empty(), "{past}");
    }
}

async fn it_is_ordered_as_asked(scene: &Scene) {
    assert_eq!(scene.places("?order_by=uploaded_at&order=asc").await, [0, 1, 2, 3, 4]);
    assert_eq!(scene.places("?order_by=uploaded_at&order=desc").await, [4, 3, 2, 1, 0]);
    let by_votes = scene.places("?order_by=votes&order=desc").await;
    assert_eq!(by_votes[..2], [1, 3]);
    assert_eq!(scene.places("?order_by=votes").await, by_votes);
    let mut upwards = scene.places("?order_by=votes&order=asc").await;
    assert_eq!(upwards[3..], [3, 1]);
    let paged = [
        scene.places("?order_by=votes&order=asc&limit=2").await,
        scene.places("?order_by=votes&order=asc&skip=2&limit=3").await,
    ]
    .concat();
    assert_eq!(paged, upwards, "pages of one order fit together");
    upwards.sort_unstable();
    assert_eq!(upwards, [0, 1, 2, 3, 4]);
}

async fn it_is_filtered_regardless_of_case_and_accents(scene: &Scene) {
    for query in ["?city=BOGOTA", "?city=bogot%C3%A1", "?city=Bogota%CC%81&country=colombia"] {
        assert_eq!(scene.places(query).await, [2, 1, 0], "{query}");
    }
    assert_eq!(scene.places("?country=COLOMBIA").await.len(), 5);
    assert_eq!(scene.places("?city=medellin&country=Colombia").await, [4, 3]);
    assert!(scene.list("?city=Cali").await.is_empty());
    assert!(scene.list("?country=Per%C3%BA").await.is_empty());
}

async fn what_is_out_of_range_is_refused_all_at_once(scene: &Scene) {
    let ask = async |query: &str| {
        scene.stage.api().fetch(&format!("/api/public/videos?{query}")).await.problems()
    };
    assert_problems(
        &ask("skip=-1&limit=101").await,
        &[("greater_than_equal", "query.skip"), ("less_than_equal", "query.limit")],
    );
    assert_problems(
        &ask("page=0&page_size=0").await,
        &[("greater_than_equal", "query.page"), ("greater_than_equal", "query.page_size")],
    );
    assert_problems(
        &ask("skip=x&limit=1.5").await,
        &[("int_parsing", "query.skip"), ("int_parsing", "query.limit")],
    );
    assert_problems(&ask("limit=0").await, &[("greater_than_equal", "query.limit")]);
    assert_eq!(ask("order_by=name").await[0].loc, "query.order_by");
    assert_eq!(ask("order=up").await[0].loc, "query.order");
}
