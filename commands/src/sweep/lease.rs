//! The lease on the sweep: of all processes of an installation, one sweeps at a time.

use std::time::Duration;

use infra::database::Pool;
use uuid::Uuid;

/// How long after the end of a sweep the next one begins.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// If the process that sweeps dies, another one begins after this time.
const LEASE: Duration = Duration::from_secs(2 * 60);
const RENEWAL_INTERVAL: Duration = Duration::from_secs(30);

/// The lease, as one process sees it.
pub(super) struct SweepLease {
    pool: Pool,
    process: Uuid,
}

impl SweepLease {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, process: Uuid::new_v4() }
    }

    /// Takes the lease if a sweep is due. Returns whether this process may sweep.
    pub(super) async fn take(&self) -> Result<bool, sqlx::Error> {
        let taken = sqlx::query!(
            "update sweep_lease set holder = $1, next_sweep_at = now() + make_interval(secs => $2)
             where next_sweep_at <= now()",
            self.process,
            LEASE.as_secs_f64(),
        );
        Ok(taken.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Renews the lease until another process holds it.
    pub(super) async fn keep(&self) {
        loop {
            tokio::time::sleep(RENEWAL_INTERVAL).await;
            match self.move_on(LEASE).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "the lease on the sweep is not renewed"),
            }
        }
    }

    /// Ends the sweep. The next one is due after the interval.
    pub(super) async fn finish(&self) -> Result<(), sqlx::Error> {
        self.move_on(INTERVAL).await.map(drop)
    }

    /// Lets no process begin for `time`. Returns whether this process still holds the lease.
    async fn move_on(&self, time: Duration) -> Result<bool, sqlx::Error> {
        let moved = sqlx::query!(
            "update sweep_lease set next_sweep_at = now() + make_interval(secs => $2)
             where holder = $1",
            self.process,
            time.as_secs_f64(),
        );
        Ok(moved.execute(&self.pool).await?.rows_affected() == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn let_time_pass(pool: &Pool) {
        sqlx::query("update sweep_lease set next_sweep_at = now()").execute(pool).await.unwrap();
    }

    #[tokio::test]
    async fn one_process_sweeps_at_a_time_and_the_interval_holds_for_all() {
        let pool = test_services::database().await;
        let [one, other] = [(); 2].map(|()| SweepLease::new(pool.clone()));
        assert!(one.take().await.unwrap());
        assert!(!other.take().await.unwrap());
        assert!(one.move_on(LEASE).await.unwrap());
        one.finish().await.unwrap();
        assert!(!one.take().await.unwrap() && !other.take().await.unwrap());
        let_time_pass(&pool).await;
        assert!(other.take().await.unwrap());
    }

    #[tokio::test]
    async fn a_process_that_died_is_followed_and_notices_if_it_lives() {
        let pool = test_services::database().await;
        let [one, other] = [(); 2].map(|()| SweepLease::new(pool.clone()));
        assert!(one.take().await.unwrap());
        let_time_pass(&pool).await;
        assert!(other.take().await.unwrap());
        assert!(!one.move_on(LEASE).await.unwrap());
        one.finish().await.unwrap();
        assert!(
            other.move_on(Duration::ZERO).await.unwrap(),
            "the first has ended the other's sweep"
        );
    }
}
