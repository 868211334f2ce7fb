//! The boards in memory hold what the table holds, whatever happens to the database.

use std::sync::Arc;

use domain::{AccountId, Timestamp};
use infra::event_log::Record;
use projections::Projector;
use projections::boards::{Board, Boards};
use projections::rankings::{BoardsFollower, Rankings};
use projections::rebuild::{RebuildOptions, rebuild};
use projections::store::postgres::PostgresStore;
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use crate::projector::history;
use crate::projector::memory_log::MemoryLog;

/// A contest, and boards that follow it.
struct Scene {
    pool: PgPool,
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

    /// So many more records are folded, each in a generation of its own.
    async fn fold(&mut self, count: usize) {
        for record in self.history.drain(..count) {
            self.log.push(record);
            self.projector.catch_up().await.unwrap();
        }
    }

    async fn follow(&mut self) {
        self.follower.catch_up().await.unwrap();
    }

    /// Somebody whom only those see who read the whole ranking.
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
        let (generation, page) =
            self.look(|boards| (boards.ranking_revision(), boards.page(&Board::default(), 0, 100)));
        assert_eq!(page.artists.iter().map(row).collect::<Vec<_>>(), rows);
        assert_eq!(generation, head as u64);
    }

    async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.pool).await.unwrap();
    }
}

fn projector(pool: &PgPool, log: &Arc<MemoryLog>) -> Projector<PostgresStore> {
    let store = PostgresStore::new(pool.connect_options());
    Projector::new(log.clone(), store, None, watch::Sender::new(0))
}

fn stranger() -> AccountId {
    AccountId(Uuid::from_u128(0xdead))
}

#[tokio::test]
async fn the_boards_follow_by_what_has_changed() {
    let mut scene = Scene::set(21).await;
    scene.follow().await;
    scene.agree().await;
    scene.fold(400).await;
    scene.follow().await;
    scene.agree().await;
    assert!(scene.look(Boards::artists) > 2, "a history too dull");

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
    assert_eq!(scene.rankings.version(), version, "nothing new is no new version");
}

#[tokio::test]
async fn who_falls_too_far_behind_reads_everything() {
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
async fn a_rebuild_leaves_nobody_behind() {
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
    let all_the_same = RebuildOptions { accept_differences: true, ..RebuildOptions::default() };
    rebuild(&scene.pool, empty, all_the_same).await.unwrap();
    scene.follow().await;
    scene.agree().await;
    assert_eq!(scene.look(Boards::artists), 0, "rows that vanish without a trail");
}

#[tokio::test]
async fn a_database_that_went_back_is_noticed_also_when_it_has_caught_up() {
    let mut scene = Scene::set(24).await;
    scene.fold(200).await;
    scene.follow().await;
    // A crash: the last commits are gone, and so is what was unlogged. What comes then has the
    // numbers that were there before.
    scene
        .run(
            "update ranking_head set generation = generation - 3;
             truncate ranking_changes;
             update ranking set votes = votes + 1 where votes is not null;",
        )
        .await;
    let before = scene.look(Boards::ranking_revision);
    while generation(&scene.pool).await < before as i64 {
        scene.fold(1).await;
    }
    scene.follow().await;
    scene.agree().await;
}

async fn generation(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select generation from ranking_head").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_projector_that_leaves_no_trail_is_followed() {
    let mut scene = Scene::set(25).await;
    scene.fold(200).await;
    scene.follow().await;
    let silently = "update ranking_head set generation = generation + 1;
                    update ranking set votes = votes + 1 where votes is not null;";
    scene.run(silently).await;
    scene.follow().await;
    scene.agree().await;
    // In the middle of a trail, too.
    scene.fold(50).await;
    scene.follow().await;
    scene.run(silently).await;
    scene.fold(50).await;
    scene.follow().await;
    scene.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_cut_is_made_anew_without_reading_everything() {
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
