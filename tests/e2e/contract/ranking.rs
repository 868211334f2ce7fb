//! `GET /api/public/rankings`.

use serde_json::json;

mod fixture;
mod http_caching;
mod standings;

use fixture::RankingFixture;
use http_caching::*;
use standings::*;

use super::fixture::ContractFixture;
use crate::e2e::harness::api_response::assert_problems;
use crate::e2e::harness::{Roles, TestEnvironment};

test_on_both_backends!(ranking);

async fn ranking(env: TestEnvironment) {
    let contract = ContractFixture::start(env, Roles::NoTranscoder).await;
    check_rules!(&contract; an_empty_contest_has_an_empty_ranking);
    let fixture = &RankingFixture::set_up(contract).await;
    check_rules!(fixture;
        votes_are_summed_and_ties_favour_the_earlier_artist,
        positions_continue_across_pages,
        a_page_past_the_end_is_empty_and_keeps_the_total,
        board_filters_ignore_case_and_accents,
        every_parameter_out_of_range_is_reported_at_once,
        an_artist_has_a_position_on_each_of_their_boards,
        an_artist_without_published_videos_has_no_position,
        rows_around_an_artist_match_the_full_page,
        boards_are_listed_with_their_sizes,
        shared_caches_may_keep_a_page_for_one_second,
        a_page_is_sent_in_an_encoding_that_the_client_accepts,
        an_unchanged_ranking_answers_304,
        a_changed_ranking_is_sent,
        a_cached_response_is_counted_and_has_its_own_id,
    );
}

async fn an_empty_contest_has_an_empty_ranking(contract: &ContractFixture) {
    let ranking = contract.api().fetch("/api/public/rankings").await.expect(200);
    let empty = json!({"rankings": [], "total": 0, "page": 1, "page_size": 20, "total_pages": 0});
    assert_eq!(ranking, empty);
}

async fn votes_are_summed_and_ties_favour_the_earlier_artist(fixture: &RankingFixture) {
    assert_eq!(fixture.rows("").await, [(1, 0, 3), (2, 1, 2), (3, 2, 2), (4, 3, 0)]);
    let whole = fixture.get("").await.expect(200);
    assert_eq!((&whole["total"], &whole["total_pages"]), (&json!(4), &json!(1)));
    assert_eq!(whole["rankings"][0]["city"], "Bogotá");
    assert_eq!(whole["rankings"][0]["country"], "Colombia");
}

async fn positions_continue_across_pages(fixture: &RankingFixture) {
    assert_eq!(fixture.rows("?page=1&page_size=3").await, [(1, 0, 3), (2, 1, 2), (3, 2, 2)]);
    assert_eq!(fixture.rows("?page=2&page_size=3").await, [(4, 3, 0)]);
    let page = fixture.get("?page=2&page_size=3").await.expect(200);
    for (member, value) in [("total", 4), ("page", 2), ("page_size", 3), ("total_pages", 2)] {
        assert_eq!(page[member], value, "{member}");
    }
}

async fn a_page_past_the_end_is_empty_and_keeps_the_total(fixture: &RankingFixture) {
    for page in ["3", "1000000", "18446744073709551615", "99999999999999999999999"] {
        let response = fixture.get(&format!("?page={page}&page_size=3")).await.expect(200);
        assert_eq!(response["rankings"], json!([]), "{page}");
        assert_eq!(
            (&response["total"], &response["total_pages"]),
            (&json!(4), &json!(2)),
            "{page}"
        );
    }
}

async fn board_filters_ignore_case_and_accents(fixture: &RankingFixture) {
    for query in ["?city=BOGOT%C3%81", "?city=bogota", "?country=COLOMBIA"] {
        assert_eq!(fixture.rows(query).await, [(1, 0, 3), (2, 1, 2)], "{query}");
    }
    for query in ["?city=lima&country=peru", "?country=Peru%CC%81"] {
        assert_eq!(fixture.rows(query).await, [(1, 2, 2), (2, 3, 0)], "{query}");
    }
    assert_eq!(fixture.rows("?city=Lima&country=Colombia").await, []);
    assert_eq!(fixture.get("?city=Quito").await.expect(200)["total"], 0);
}

async fn every_parameter_out_of_range_is_reported_at_once(fixture: &RankingFixture) {
    assert_problems(
        &fixture.get("?page=0&page_size=101").await.problems(),
        &[("greater_than_equal", "query.page"), ("less_than_equal", "query.page_size")],
    );
    assert_problems(
        &fixture.get("?page=uno&page_size=").await.problems(),
        &[("int_parsing", "query.page"), ("int_parsing", "query.page_size")],
    );
}
