//! Background load: votes at a steady rate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::ballots::Ballots;
use crate::client::Connection;
use crate::process::Process;

/// Votes per second of one voter.
const RATE_PER_VOTER: f64 = 20.0;

/// Running voters. Dropping this stops them.
pub(crate) struct Voters {
    tasks: JoinSet<Result<u64>>,
    stop: CancellationToken,
    since: Instant,
}

impl Voters {
    /// Starts `per_second` votes per second; fewer if the server is slower.
    pub(crate) async fn begin(
        server: &Process,
        ballots: &Arc<Ballots>,
        per_second: f64,
    ) -> Result<Self> {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        let count = (per_second / RATE_PER_VOTER).round() as u32;
        let gap = Duration::from_secs_f64(1.0 / RATE_PER_VOTER);
        for number in 0..count {
            let connection = Connection::open(server.address).await?;
            // Evenly spread over the gap.
            let first = Instant::now() + gap * number / count;
            tasks.spawn(vote(connection, Arc::clone(ballots), first, gap, stop.clone()));
        }
        Ok(Self { tasks, stop, since: Instant::now() })
    }

    /// Stops the voters. Returns the accepted votes per second.
    pub(crate) async fn end(mut self) -> Result<f64> {
        self.stop.cancel();
        let seconds = self.since.elapsed().as_secs_f64();
        let mut votes = 0;
        while let Some(voted) = self.tasks.join_next().await {
            votes += voted??;
        }
        Ok(votes as f64 / seconds)
    }
}

async fn vote(
    mut connection: Connection,
    ballots: Arc<Ballots>,
    first: Instant,
    gap: Duration,
    stop: CancellationToken,
) -> Result<u64> {
    let mut tick = interval_at(first, gap);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut votes = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(votes),
            _ = tick.tick() => {
                connection.send(ballots.draw()?).await?.expect(StatusCode::OK)?;
                votes += 1;
            }
        }
    }
}
