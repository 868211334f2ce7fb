//! Large contests in the log, and their first fold.
//!
//! `bench fill-log` appends in a process of its own, so that its memory does not count as that of a
//! later measurement.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use domain::VideoId;
use infra::database;
use projections::Projector;
use projections::store::postgres::PostgresStore;
use test_contests::{SeededContest, Size};
use tokio::sync::watch;

use crate::deployment::{Deployment, FILL_TIMEOUT, LogArgs};

#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    log: LogArgs,
    #[arg(long)]
    artists: usize,
    #[arg(long)]
    fans: usize,
    #[arg(long)]
    votes: usize,
}

/// `bench fill-log`.
pub(crate) async fn run(args: Args) -> Result<()> {
    let Args { log, artists, fans, votes } = args;
    let pool = database::connect(&log.database_url, 4).await?;
    let pool = pool.with_statement_timeout(FILL_TIMEOUT);
    let log = log.open(&pool).await?;
    test_contests::append(&pool, log.as_ref(), Size { artists, fans, votes }).await
}

/// Fills the log in a process of its own. Returns the events per second.
pub(crate) async fn fill(deployment: &Deployment, size: Size) -> Result<f64> {
    let Size { artists, fans, votes } = size;
    let [artists, fans, votes] = [artists, fans, votes].map(|count| count.to_string());
    let sizes = ["fill-log", "--artists", &artists, "--fans", &fans, "--votes", &votes];
    let started = Instant::now();
    let status = deployment.command("bench", &sizes)?.stdout(Stdio::null()).status().await?;
    ensure!(status.success(), "bench fill-log failed: {status}");
    let events: u64 = deployment.log.end_offsets().await?.iter().sum();
    Ok(events as f64 / started.elapsed().as_secs_f64())
}

/// Folds the whole log into the live generation, in this process. Returns the records per second.
pub(crate) async fn fold(deployment: &Deployment) -> Result<f64> {
    let store = PostgresStore::new(deployment.pool.session_options());
    let mut projector =
        Projector::new(Arc::clone(&deployment.log), store, None, watch::Sender::new(0));
    let started = Instant::now();
    let records = projector.catch_up().await?;
    Ok(records as f64 / started.elapsed().as_secs_f64())
}

/// New accounts without votes, and the videos of the `videos` best placed artists.
pub(crate) async fn newcomers(
    deployment: &Deployment,
    accounts: usize,
    videos: usize,
) -> Result<SeededContest> {
    let best = sqlx::query_scalar!(
        "select v.video_id from videos v join ranking r on r.artist_id = v.owner
         where v.status = 'processed' order by r.votes desc, r.reached_at limit $1",
        videos as i64,
    )
    .fetch_all(&deployment.pool)
    .await?;
    let videos = best.into_iter().map(VideoId).collect();
    Ok(SeededContest { videos, ..deployment.seed(accounts, 0).await? })
}
