//! The queue's tables, as the tests prepare and age them.

use domain::VideoId;
use infra::database::Pool;
use uuid::Uuid;

/// A database with the schema of the project.
pub(crate) struct TestDatabase {
    pub(crate) pool: Pool,
}

impl TestDatabase {
    pub(crate) async fn new() -> Self {
        Self { pool: test_services::database().await }
    }

    /// Queues a job as the projection does, `age` seconds ago.
    pub(crate) async fn insert_job(&self, video: VideoId, owner: Uuid, original: &str, age: f64) {
        sqlx::query(
            "insert into transcode_jobs (video_id, owner, original_key, uploaded_by, queued_at)
             values ($1, $2, $3, gen_random_uuid(), now() - make_interval(secs => $4))",
        )
        .bind(video.0)
        .bind(owner)
        .bind(original)
        .bind(age)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Copies all jobs, for [`Self::restore_jobs`].
    pub(crate) async fn save_jobs(&self) {
        self.execute("create table saved_jobs as select * from transcode_jobs").await;
    }

    /// Queues the saved jobs again.
    pub(crate) async fn restore_jobs(&self) {
        self.execute("insert into transcode_jobs select * from saved_jobs").await;
    }

    /// Moves all leases `seconds` into the past.
    pub(crate) async fn age_leases(&self, seconds: f64) {
        sqlx::query(
            "update transcode_leases set lease_until = lease_until - make_interval(secs => $1),
                 not_before = not_before - make_interval(secs => $1)",
        )
        .bind(seconds)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    pub(crate) async fn lease_count(&self) -> i64 {
        let count = sqlx::query_scalar("select count(*) from transcode_leases");
        count.fetch_one(&self.pool).await.unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.pool).await.unwrap();
    }
}
