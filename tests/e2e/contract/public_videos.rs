//! `GET /api/public/videos`.

use serde_json::{Value, json};

use super::fixture::ContractFixture;
use crate::e2e::harness::api_response::assert_problems;
use crate::e2e::harness::{Person, Roles, TestEnvironment, Upload, clip, eventually};

test_on_both_backends!(public_videos);

async fn public_videos(env: TestEnvironment) {
    let contract = ContractFixture::start(env, Roles::NoTranscoder).await;
    assert_eq!(contract.api().fetch("/api/public/videos").await.expect(200), json!([]));
    let fixture = &VideoListFixture::set_up(contract).await;
    // The list follows a verdict with a short delay.
    eventually("the list shows all votes", async || {
        let list = fixture.list("").await;
        let votes: u64 = list.iter().map(|video| video["votes"].as_u64().unwrap()).sum();
        (list.len() == 5 && votes == 3).then_some(())
    })
    .await;
    check_rules!(fixture;
        only_published_videos_are_listed_newest_first,
        each_video_names_its_artist_city_and_country,
        the_list_is_paged_by_skip_and_limit_or_by_page,
        the_list_is_sorted_as_requested,
        list_filters_ignore_case_and_accents,
        every_parameter_out_of_range_is_reported_at_once,
    );
}

/// Ana of Bogotá has three published videos, Beto of Medellín two. Ana's second has two votes, Beto's
/// first one. Ana has another one, which is not published.
struct VideoListFixture {
    contract: ContractFixture,
    ana: Person,
    /// Ids of the published videos, from the oldest to the newest.
    ids: Vec<String>,
}

impl VideoListFixture {
    async fn set_up(contract: ContractFixture) -> Self {
        let (api, env) = (contract.api(), &contract.env);
        let ana = api.new_person_from("Ana", "Bogotá", "Colombia").await;
        let beto = api.new_person_from("Beto", "Medellín", "Colombia").await;
        let anas = env.publish_videos(&ana, 3).await;
        let betos = env.publish_videos(&beto, 2).await;
        for (voter, video) in [(&ana, anas[1]), (&beto, anas[1]), (&ana, betos[0])] {
            api.vote(voter, video).await.expect(200);
        }
        api.upload(&ana, Upload::of(clip::real())).await.expect(201);
        let ids = anas.iter().chain(&betos).map(ToString::to_string).collect();
        Self { contract, ana, ids }
    }

    async fn list(&self, query: &str) -> Vec<Value> {
        let response = self.contract.api().fetch(&format!("/api/public/videos{query}")).await;
        response.expect(200).as_array().unwrap().clone()
    }

    /// The listed videos, each as its index in [`Self::ids`].
    async fn order(&self, query: &str) -> Vec<usize> {
        let index = |video: &Value| {
            let id = video["video_id"].as_str().unwrap();
            self.ids.iter().position(|known| known == id).unwrap()
        };
        self.list(query).await.iter().map(index).collect()
    }
}

async fn only_published_videos_are_listed_newest_first(fixture: &VideoListFixture) {
    assert_eq!(fixture.order("").await, [4, 3, 2, 1, 0]);
}

async fn each_video_names_its_artist_city_and_country(fixture: &VideoListFixture) {
    let list = fixture.list("").await;
    let video = &list[3];
    assert_eq!(video["city"], "Bogotá");
    assert_eq!(video["country"], "Colombia");
    assert_eq!(video["votes"], 2);
    assert!(video["player_name"].as_str().unwrap().contains(&fixture.ana.first_name));
    assert!(video["title"].is_string());
    assert!(video["processed_url"].as_str().unwrap().starts_with("http"));
    assert!(chrono::DateTime::parse_from_rfc3339(video["uploaded_at"].as_str().unwrap()).is_ok());
    assert!(!video.to_string().contains(&fixture.ana.email), "personal data: {video}");
}

async fn the_list_is_paged_by_skip_and_limit_or_by_page(fixture: &VideoListFixture) {
    assert_eq!(fixture.order("?skip=1&limit=2").await, [3, 2]);
    assert_eq!(fixture.order("?limit=100").await, [4, 3, 2, 1, 0]);
    assert_eq!(fixture.order("?skip=4").await, [0]);
    assert_eq!(fixture.order("?page=2&page_size=2").await, [2, 1]);
    assert_eq!(fixture.order("?page=3&page_size=2").await, [0]);
    for past in ["?skip=5", "?page=4&page_size=2", "?page=99999999999999999999&page_size=100"] {
        assert!(fixture.list(past).await.is_empty(), "{past}");
    }
}

async fn the_list_is_sorted_as_requested(fixture: &VideoListFixture) {
    assert_eq!(fixture.order("?order_by=uploaded_at&order=asc").await, [0, 1, 2, 3, 4]);
    assert_eq!(fixture.order("?order_by=uploaded_at&order=desc").await, [4, 3, 2, 1, 0]);
    let by_votes = fixture.order("?order_by=votes&order=desc").await;
    assert_eq!(by_votes[..2], [1, 3]);
    assert_eq!(fixture.order("?order_by=votes").await, by_votes);
    let mut upwards = fixture.order("?order_by=votes&order=asc").await;
    assert_eq!(upwards[3..], [3, 1]);
    let paged = [
        fixture.order("?order_by=votes&order=asc&limit=2").await,
        fixture.order("?order_by=votes&order=asc&skip=2&limit=3").await,
    ]
    .concat();
    assert_eq!(paged, upwards, "pages of one order fit together");
    upwards.sort_unstable();
    assert_eq!(upwards, [0, 1, 2, 3, 4]);
}

async fn list_filters_ignore_case_and_accents(fixture: &VideoListFixture) {
    for query in ["?city=BOGOTA", "?city=bogot%C3%A1", "?city=Bogota%CC%81&country=colombia"] {
        assert_eq!(fixture.order(query).await, [2, 1, 0], "{query}");
    }
    assert_eq!(fixture.order("?country=COLOMBIA").await.len(), 5);
    assert_eq!(fixture.order("?city=medellin&country=Colombia").await, [4, 3]);
    assert!(fixture.list("?city=Cali").await.is_empty());
    assert!(fixture.list("?country=Per%C3%BA").await.is_empty());
}

async fn every_parameter_out_of_range_is_reported_at_once(fixture: &VideoListFixture) {
    let ask = async |query: &str| {
        fixture.contract.api().fetch(&format!("/api/public/videos?{query}")).await.problems()
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
