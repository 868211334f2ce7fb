//! Contests of any size, by `anb demo --direct`.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use domain::VideoId;
use projections::Projector;
use projections::store::postgres::PostgresStore;
use tokio::sync::watch;
use uuid::Uuid;

use crate::contest::Contest;
use crate::world::World;

/// How large a contest is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) artists: u32,
    pub(crate) fans: u32,
    pub(crate) votes: u32,
}

/// Fills the log; says how many events a second that took.
pub(crate) async fn fill(world: &World, size: Size) -> Result<f64> {
    let Size { artists, fans, votes } = size;
    let [artists, fans, votes] = [artists, fans, votes].map(|count| count.to_string());
    let sizes = ["demo", "--direct", "--artists", &artists, "--fans", &fans, "--votes", &votes];
    let started = Instant::now();
    let status = world.anb(&sizes)?.stdout(Stdio::null()).status().await?;
    ensure!(status.success(), "the log was not filled: {status}");
    let events: u64 = world.log.end_offsets().await?.iter().sum();
    Ok(events as f64 / started.elapsed().as_secs_f64())
}

/// Folds everything into the live generation, as a projector that has fallen behind does; says how
/// many records a second that took.
pub(crate) async fn fold(world: &World) -> Result<f64> {
    let store = PostgresStore::new(world.pool.connect_options());
    let mut projector = Projector::new(Arc::clone(&world.log), store, None, watch::Sender::new(0));
    let started = Instant::now();
    let records = projector.catch_up().await?;
    Ok(records as f64 / started.elapsed().as_secs_f64())
}

/// New people, who have not voted yet, and the best placed videos of those that are there.
pub(crate) async fn newcomers(world: &World, people: usize, videos: usize) -> Result<Contest> {
    let best = "select v.video_id from videos v join ranking r on r.artist_id = v.owner
                where v.status = 'processed' order by r.votes desc, r.reached_at limit $1";
    let best: Vec<Uuid> =
        sqlx::query_scalar(best).bind(videos as i64).fetch_all(&world.pool).await?;
    let videos = best.into_iter().map(VideoId).collect();
    Ok(Contest { videos, ..Contest::begin(world, people, 0).await? })
}
