//! Races: the log decides, whatever the number of clients.

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::Value;

use super::harness::client::{Ask, new_email, registration};
use super::harness::{Answer, Roles, Server, World};

const CLIENTS: usize = 64;
const ROUNDS: usize = 200;

on_both!(
    one_account_votes_from_64_clients_at_once,
    sixty_four_people_want_one_email,
    a_deletion_races_a_vote,
    one_idempotency_key_32_times_at_once,
);

async fn one_account_votes_from_64_clients_at_once(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let video = world.published(&ana, 1).await[0];
    let vote = || server.api.vote_request(&ana, video);
    let answers = at_once((0..CLIENTS).map(|_| vote())).await;
    let (counted, refused): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((counted.len(), refused.len()), (1, CLIENTS - 1));
    assert_eq!(counted[0].ok(200)["total_votes"], 1);
    for answer in refused {
        answer.error(400, "Ya has votado por este video");
    }
    assert_eq!(server.api.video(&ana, video).await.ok(200)["votes"], 1);
}

async fn sixty_four_people_want_one_email(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let email = new_email("deseado");
    let spelled = |n: usize| -> String {
        let bit = |index: usize| n >> index & 1 == 1;
        let letter = |(index, c): (usize, char)| {
            if index < 6 && bit(index) { c.to_ascii_uppercase() } else { c }
        };
        email.char_indices().map(letter).collect()
    };
    let sign_up = |n| server.api.post("/api/auth/signup").json(&registration(&spelled(n)));
    let answers = at_once((0..CLIENTS).map(sign_up)).await;
    let (made, refused): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (1, CLIENTS - 1));
    for answer in refused {
        answer.error(400, "El email ya está registrado");
    }
    let people: i64 = sqlx::query_scalar("select count(*) from personal_data")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(people, 1, "those who lost the race are forgotten");
}

async fn a_deletion_races_a_vote(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let beto = server.api.somebody("Beto").await;
    let mut won = [0, 0];
    for (round, video) in world.published(&ana, ROUNDS).await.into_iter().enumerate() {
        let vote = server.api.vote(&beto, video);
        let delete = server.api.delete(&ana, video);
        // Whoever is polled first has a head start; they take turns.
        let (vote, delete) = if round % 2 == 0 {
            tokio::join!(vote, delete)
        } else {
            let (delete, vote) = tokio::join!(delete, vote);
            (vote, delete)
        };
        match (vote.status, delete.status) {
            (200, _) => {
                delete.error(400, "Cannot delete video: it has 1 vote(s)");
                assert_eq!(server.api.video(&ana, video).await.ok(200)["votes"], 1);
                won[0] += 1;
            }
            (_, 200) => {
                vote.error(404, "Video no encontrado");
                server.api.video(&ana, video).await.error(404, "Video not found");
                won[1] += 1;
            }
            neither => panic!("round {round}: {neither:?} {} {}", vote.text(), delete.text()),
        }
    }
    assert_eq!(won[0] + won[1], ROUNDS);
    assert!(won[0] > 0 && won[1] > 0, "no race at all: {won:?}");
}

async fn one_idempotency_key_32_times_at_once(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let video = world.published(&ana, 1).await[0];
    let vote = || server.api.vote_request(&ana, video).header("idempotency-key", "una vez");
    let counted = all_the_same(at_once((0..32).map(|_| vote())).await, 200);
    assert_eq!(counted["total_votes"], 1);
    assert_eq!(server.api.video(&ana, video).await.ok(200)["votes"], 1);

    let body = registration(&new_email("una vez"));
    let sign_up = || {
        let request = server.api.post("/api/auth/signup").json(&body);
        request.header("idempotency-key", "una vez")
    };
    let account = all_the_same(at_once((0..32).map(|_| sign_up())).await, 201);
    let email = body["email"].as_str().unwrap();
    let session = server.api.log_in(email, body["password1"].as_str().unwrap()).await.ok(200);
    let token = session["access_token"].as_str().unwrap();
    server.api.get("/api/videos").bearer_auth(token).answer().await.ok(200);
    let sql = "select array_agg(account_id::text) from personal_data where email = $1";
    let query = sqlx::query_scalar::<_, Vec<String>>(sql).bind(email);
    assert_eq!(query.fetch_one(&world.pool).await.unwrap(), [account["id"].as_str().unwrap()]);
}

fn all_the_same(answers: Vec<Answer>, status: u16) -> Value {
    let first = answers[0].ok(status);
    for answer in answers {
        assert_eq!(answer.ok(status), first);
    }
    first
}

/// Sends all requests at the same time, each from a task of its own.
async fn at_once(requests: impl Iterator<Item = RequestBuilder>) -> Vec<Answer> {
    let send = |request: RequestBuilder| tokio::spawn(async move { request.answer().await });
    let tasks: Vec<_> = requests.map(send).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}
