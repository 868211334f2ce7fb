//! Races between clients: the order in the log decides.

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::Value;

use super::harness::client::{SendRequest, new_email, registration};
use super::harness::{ApiResponse, Roles, Server, TestEnvironment};

const CLIENTS: usize = 64;
const ROUNDS: usize = 200;

test_on_both_backends!(
    concurrent_votes_of_one_account_count_once,
    concurrent_registrations_of_one_email_create_one_account,
    a_vote_racing_a_deletion_excludes_it,
    concurrent_requests_with_one_key_take_effect_once,
);

async fn concurrent_votes_of_one_account_count_once(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let video = env.publish_videos(&ana, 1).await[0];
    let vote = || server.api.vote_request(&ana, video);
    let responses = send_at_once((0..CLIENTS).map(|_| vote())).await;
    let (counted, refused): (Vec<ApiResponse>, Vec<ApiResponse>) =
        responses.into_iter().partition(|response| response.status == 200);
    assert_eq!((counted.len(), refused.len()), (1, CLIENTS - 1));
    assert_eq!(counted[0].expect(200)["total_votes"], 1);
    for response in refused {
        response.expect_error(400, "Ya has votado por este video");
    }
    assert_eq!(server.api.video(&ana, video).await.expect(200)["votes"], 1);
}

async fn concurrent_registrations_of_one_email_create_one_account(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let email = new_email("deseado");
    let spelled = |n: usize| -> String {
        let bit = |index: usize| n >> index & 1 == 1;
        let letter = |(index, c): (usize, char)| {
            if index < 6 && bit(index) { c.to_ascii_uppercase() } else { c }
        };
        email.char_indices().map(letter).collect()
    };
    let sign_up = |n| server.api.post("/api/auth/signup").json(&registration(&spelled(n)));
    let responses = send_at_once((0..CLIENTS).map(sign_up)).await;
    let (made, refused): (Vec<ApiResponse>, Vec<ApiResponse>) =
        responses.into_iter().partition(|response| response.status == 201);
    assert_eq!((made.len(), refused.len()), (1, CLIENTS - 1));
    for response in refused {
        response.expect_error(400, "El email ya está registrado");
    }
    let people: i64 = sqlx::query_scalar("select count(*) from personal_data")
        .fetch_one(&env.pool)
        .await
        .unwrap();
    assert_eq!(people, 1, "personal data of rejected registrations remains");
}

async fn a_vote_racing_a_deletion_excludes_it(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let beto = server.api.new_person("Beto").await;
    let mut won = [0, 0];
    for (round, video) in env.publish_videos(&ana, ROUNDS).await.into_iter().enumerate() {
        let vote = server.api.vote(&beto, video);
        let delete = server.api.delete(&ana, video);
        // The first future has a head start, so they take turns.
        let (vote, delete) = if round % 2 == 0 {
            tokio::join!(vote, delete)
        } else {
            let (delete, vote) = tokio::join!(delete, vote);
            (vote, delete)
        };
        match (vote.status, delete.status) {
            (200, _) => {
                delete.expect_error(400, "Cannot delete video: it has 1 vote(s)");
                assert_eq!(server.api.video(&ana, video).await.expect(200)["votes"], 1);
                won[0] += 1;
            }
            (_, 200) => {
                vote.expect_error(404, "Video no encontrado");
                server.api.video(&ana, video).await.expect_error(404, "Video not found");
                won[1] += 1;
            }
            neither => panic!("round {round}: {neither:?} {} {}", vote.text(), delete.text()),
        }
    }
    assert_eq!(won[0] + won[1], ROUNDS);
    assert!(won[0] > 0 && won[1] > 0, "no race at all: {won:?}");
}

async fn concurrent_requests_with_one_key_take_effect_once(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let video = env.publish_videos(&ana, 1).await[0];
    let vote = || server.api.vote_request(&ana, video).header("idempotency-key", "una vez");
    let counted = assert_all_equal(send_at_once((0..32).map(|_| vote())).await, 200);
    assert_eq!(counted["total_votes"], 1);
    assert_eq!(server.api.video(&ana, video).await.expect(200)["votes"], 1);

    let body = registration(&new_email("una vez"));
    let sign_up = || {
        let request = server.api.post("/api/auth/signup").json(&body);
        request.header("idempotency-key", "una vez")
    };
    let account = assert_all_equal(send_at_once((0..32).map(|_| sign_up())).await, 201);
    let email = body["email"].as_str().unwrap();
    let session = server.api.log_in(email, body["password1"].as_str().unwrap()).await.expect(200);
    let token = session["access_token"].as_str().unwrap();
    server.api.get("/api/videos").bearer_auth(token).response().await.expect(200);
    let sql = "select array_agg(account_id::text) from personal_data where email = $1";
    let query = sqlx::query_scalar::<_, Vec<String>>(sql).bind(email);
    assert_eq!(query.fetch_one(&env.pool).await.unwrap(), [account["id"].as_str().unwrap()]);
}

fn assert_all_equal(responses: Vec<ApiResponse>, status: u16) -> Value {
    let first = responses[0].expect(status);
    for response in responses {
        assert_eq!(response.expect(status), first);
    }
    first
}

/// Sends all requests at the same time, each in its own task.
async fn send_at_once(requests: impl Iterator<Item = RequestBuilder>) -> Vec<ApiResponse> {
    let send = |request: RequestBuilder| tokio::spawn(async move { request.response().await });
    let tasks: Vec<_> = requests.map(send).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}
