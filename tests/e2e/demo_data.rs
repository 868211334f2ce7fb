//! An invented contest that is appended straight to the log.

use test_contests::Size;

use super::harness::{Roles, Server, TestEnvironment, eventually};

test_on_both_backends!(a_repeated_contest_counts_once);

async fn a_repeated_contest_counts_once(env: TestEnvironment) {
    let size = Size { artists: 40, fans: 60, votes: 700 };
    for events in [880, 1_760] {
        test_contests::append(&env.pool, env.log.as_ref(), size).await.unwrap();
        assert_eq!(env.log.end_offsets().await.unwrap().iter().sum::<u64>(), events);
    }
    let server = Server::start(&env, Roles::NoTranscoder).await;
    env.wait_until_caught_up().await;
    let counts: (i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from accounts), (select count(*) from videos),
                (select count(*) from votes), (select count(*) from rejections)",
    )
    .fetch_one(&env.pool)
    .await
    .unwrap();
    assert_eq!(counts, (100, 40, 700, 0), "a repeated event counts twice");
    let page = eventually("all artists rank", async || {
        let page = server.api.fetch("/api/public/rankings?page_size=40").await.expect(200);
        let votes = page["rankings"].as_array()?.iter().filter_map(|row| row["votes"].as_u64());
        (page["total"] == 40 && votes.sum::<u64>() == 700).then_some(page)
    })
    .await;
    let rows = page["rankings"].as_array().unwrap();
    let votes: Vec<u64> = rows.iter().map(|row| row["votes"].as_u64().unwrap()).collect();
    assert!(
        votes[0] > 3 * votes[20] && votes.windows(2).any(|pair| pair[0] == pair[1]),
        "{votes:?}"
    );
    assert_ne!(rows[0]["username"], "Artista anónimo");
    assert!(server.interrupt().await.success());
}
