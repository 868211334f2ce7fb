//! The boards in memory equal the ranking table, also after crashes and rebuilds.

use std::sync::Arc;

use domain::{AccountId, Timestamp};
use infra::database::Pool;
use infra::event_log::Record;
use projections::Projector;
use projections::boards::{Board, Boards};
use projections::rankings::{BoardsFollower, Rankings};
use projections::rebuild::{RebuildOptions, rebuild};
use projections::store::postgres::PostgresStore;
use tokio::sync::watch;
use uuid::Uuid;

use crate::projector::history;
use crate::projector::memory_log::MemoryLog;

/// A contest, and boards that follow it.
struct Scene {
    pool: Pool,
    log: Arc<MemoryLog>,
    history: Vec<Record>,
    projector: Projector<PostgresStore>,
    rankings: Arc<Rankings>,
    follower: BoardsFollower,
}

impl Scene {
    async fn set(seed: u64) -> Self {
        let pool = test_services::database().await;
        let log = MemoryLog::new(3);
        let rankings = Arc::new(Rankings::default());
        Self {
            projector: projector(&pool, &log),
            follower: BoardsFollower::new(pool.clone(), Arc::clone(&rankings)),
            history: history::records(seed, 600),
            rankings,
            pool,
            log,
        }
    }

    /// Folds `count` more records, each in a revision of its own.
    async fn fold(&mut self, count: usize) {
        for record in self.history.drain(..count) {
            self.log.push(record);
            self.projector.catch_up().await.unwrap();
        }
    }

    async fn follow(&mut self) {
        self.follower.catch_up().await.unwrap();
    }

    /// Adds an artist whom only a read of the whole ranking finds.
    async fn add_a_stranger(&self) {
        sqlx::query(
            "insert into ranking (artist_id, votes, reached_at, city, country, city_key, country_key,
                                  generation)
             values ($1, 1000000, now(), 'Lima', 'Perú', 'lima', 'peru', 0)",
        )
        .bind(stranger().0)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    fn knows_the_stranger(&self) -> bool {
        self.look(|boards| boards.position(&Board::default(), stranger())).is_some()
    }

    fn look<T>(&self, look: impl FnOnce(&Boards) -> T) -> T {
        self.rankings.read(look).unwrap().1
    }

    async fn agree(&self) {
        let rows: Vec<(Uuid, i64, Timestamp)> = sqlx::query_as(
            "select artist_id, votes, reached_at from ranking where votes is not null
             order by votes desc, reached_at, artist_id",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let head: i64 = sqlx::query_scalar("select generation from ranking_head")
            .fetch_one(&self.pool)
            .await
            .unwrap();
        let row = |ranked: &projections::boards::Ranked| {
            let standing = ranked.standing;
            (standing.artist.0, standing.votes as i64, standing.reached_at)
        };
        let (revision, page) =
            self.look(|boards| (boards.ranking_revision(), boards.page(&Board::default(), 0, 100)));
        assert_eq!(page.artists.iter().map(row).collect::<Vec<_>>(), rows);
        assert_eq!(revision, head as u64);
    }

    async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.pool).await.unwrap();
    }
}

fn projector(pool: &Pool, log: &Arc<MemoryLog>) -> Projector<PostgresStore> {
    let store = PostgresStore::new(pool.session_options());
    Projector::new(log.clone(), store, None, watch::Sender::new(0))
}

fn stranger() -> AccountId {
    AccountId(Uuid::from_u128(0xdead))
}

#[tokio::test]
async fn the_boards_follow_by_changes_alone() {
    let mut scene = Scene::set(21).await;
    scene.follow().await;
    scene.agree().await;
    scene.fold(400).await;
    scene.follow().await;
    scene.agree().await;
    assert!(scene.look(Boards::artists) > 2, "the history has too few artists");

    scene.add_a_stranger().await;
    for count in [1, 1, 2, 3, 5, 40, 100] {
        scene.fold(count).await;
        scene.follow().await;
        assert!(!scene.knows_the_stranger(), "everything was read again");
    }
    sqlx::query("delete from ranking where artist_id = $1")
        .bind(stranger().0)
        .execute(&scene.pool)
        .await
        .unwrap();
    scene.agree().await;
    let version = scene.rankings.version();
    scene.follow().await;
    assert_eq!(scene.rankings.version(), version, "no change, no new version");
}

#[tokio::test]
async fn a_follower_too_far_behind_reads_the_whole_ranking() {
    let mut scene = Scene::set(22).await;
    scene.fold(150).await;
    scene.follow().await;
    scene.fold(50).await;
    scene
        .run("delete from ranking_changes where generation < (select generation from ranking_head)")
        .await;
    scene.add_a_stranger().await;
    scene.follow().await;
    assert!(scene.knows_the_stranger());
    scene.agree().await;
}

#[tokio::test]
async fn the_boards_follow_a_rebuild() {
    let mut scene = Scene::set(23).await;
    scene.fold(200).await;
    scene.follow().await;
    let before = scene.look(Boards::artists);

    let log = Arc::clone(&scene.log);
    scene.projector = projector(&scene.pool, &log);
    rebuild(&scene.pool, log, RebuildOptions::default()).await.unwrap();
    scene.follow().await;
    scene.agree().await;
    assert_eq!(scene.look(Boards::artists), before);

    let empty = MemoryLog::new(3);
    let adopting = RebuildOptions { adopt_log: true, ..RebuildOptions::default() };
    rebuild(&scene.pool, empty, adopting).await.unwrap();
    scene.follow().await;
    scene.agree().await;
    assert_eq!(scene.look(Boards::artists), 0, "rows were removed without a trail");
}

#[tokio::test]
async fn a_revision_number_that_comes_twice_is_noticed() {
    let mut scene = Scene::set(24).await;
    scene.fold(200).await;
    scene.follow().await;
    // A crash undoes the last commits and empties the unlogged table. Later revisions reuse the numbers.
    scene
        .run(
            "update ranking_head set generation = generation - 3;
             truncate ranking_changes;
             update ranking set votes = votes + 1 where votes is not null;",
        )
        .await;
    let before = scene.look(Boards::ranking_revision);
    while ranking_revision(&scene.pool).await < before as i64 {
        scene.fold(1).await;
    }
    scene.follow().await;
    scene.agree().await;
}

async fn ranking_revision(pool: &Pool) -> i64 {
    sqlx::query_scalar("select generation from ranking_head").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn revisions_without_a_trail_are_followed() {
    let mut scene = Scene::set(25).await;
    scene.fold(200).await;
    scene.follow().await;
    let without_trail = "update ranking_head set generation = generation + 1;
                    update ranking set votes = votes + 1 where votes is not null;";
    scene.run(without_trail).await;
    scene.follow().await;
    scene.agree().await;
    // Within a trail, too.
    scene.fold(50).await;
    scene.follow().await;
    scene.run(without_trail).await;
    scene.fold(50).await;
    scene.follow().await;
    scene.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_reopened_without_reading_the_whole_ranking() {
    let mut scene = Scene::set(9).await;
    scene.fold(300).await;
    scene.follow().await;
    scene.fold(10).await;
    scene.follow().await;
    scene.add_a_stranger().await;
    let cut: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query like '%with trail as%'
           and pid <> pg_backend_pid()",
    )
    .fetch_all(&scene.pool)
    .await
    .unwrap();
    assert_eq!(cut, [true], "the follower's own connection");
    scene.fold(10).await;
    scene.follow().await;
    assert!(!scene.knows_the_stranger(), "only what has changed was read");
}
