//! The simulated store, as one projector sees it through the port.

use std::sync::Arc;

use async_trait::async_trait;
use domain::contest::WorkingSetKeys;
use domain::{Contest, Position};
use infra::event_log::Record;
use projections::store::{Advance, Batch, Checkpoint, Claimed, Committed, Store, StoreError};
use tokio::time::Instant;

use crate::actor;
use crate::cluster::SimCluster;
use crate::database::SimDatabase;
use crate::in_memory_rows;
use crate::planted_bug::PlantedBug;

/// A projector's connection to the database.
pub(crate) struct SimStore {
    cluster: Arc<SimCluster>,
    connection: Option<u64>,
    owned: Vec<u32>,
    /// How long after a crash of this client the server notices it.
    noticed_after: std::time::Duration,
}

impl SimStore {
    pub(crate) fn new(cluster: &Arc<SimCluster>) -> Self {
        let noticed_after = std::time::Duration::from_millis(actor::below(3_000));
        Self { cluster: Arc::clone(cluster), connection: None, owned: Vec::new(), noticed_after }
    }

    fn connection(&mut self) -> u64 {
        if let Some(connection) = self.connection {
            return connection;
        }
        self.owned.clear();
        let connection = self.cluster.database().connect();
        self.connection = Some(connection);
        connection
    }

    fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.cluster.database().disconnect(connection, Instant::now() + self.noticed_after);
        }
        self.owned.clear();
    }

    fn lost(&mut self) -> StoreError {
        self.disconnect();
        StoreError::unavailable("connection lost")
    }

    /// One round trip, which may fail before the server has done anything.
    async fn round_trip(&mut self) -> Result<(), StoreError> {
        self.cluster.delay().await;
        if self.cluster.fault(0.3) {
            return Err(self.lost());
        }
        Ok(())
    }

    /// Checks that the connection is open when the statement arrives.
    fn check_open(&mut self, connection: u64) -> Result<(), StoreError> {
        if self.cluster.database().is_open(connection)
            || self.cluster.has(PlantedBug::ZombieCommits)
        {
            return Ok(());
        }
        Err(self.lost())
    }

    /// The first statements of a transaction: a checkpoint moves only from its expected value.
    async fn begin(&mut self, connection: u64, batch: &Batch<'_>) -> Result<(), StoreError> {
        loop {
            self.round_trip().await?;
            self.check_open(connection)?;
            if self.cluster.database().lock_checkpoints(connection, batch) {
                break;
            }
        }
        let unconditional = self.cluster.has(PlantedBug::CheckpointUnconditional)
            || self.cluster.has(PlantedBug::ZombieCommits);
        let moved = self.cluster.database().moved_checkpoint(batch);
        match moved {
            Some(partition) if !unconditional => {
                self.cluster.trace(|| format!("store {connection}: lost partition {partition}"));
                self.disconnect();
                Err(StoreError::LostOwnership(partition))
            }
            _ => Ok(()),
        }
    }

    /// Whether the record before a batch is the last one that was folded. It may have been sent again.
    fn follows(&self, advance: &Advance) -> bool {
        let Some(previous) = advance.from.checked_sub(1) else { return true };
        let partitions = self.cluster.partitions();
        let previous = partitions[advance.partition as usize].get(previous as usize);
        let previous = previous.map(Record::fingerprint);
        let folded = self.cluster.database().last_folded.get(&advance.partition).cloned();
        previous == folded.map(|last| last.fingerprint)
    }

    /// A log that has lost folded records must not be folded further.
    fn check_log(&self, batch: &Batch<'_>) {
        let Some(loss) = self.cluster.loss() else { return };
        for advance in batch.advances {
            let partition = advance.partition;
            let is_new = loss.closed.contains(&partition) && !loss.old.contains(&advance.last);
            if is_new && (loss.created_again || !self.follows(advance)) {
                self.cluster.violation(format!("partition {partition} of another log is folded"));
            }
        }
    }

    /// The last statements of a transaction: rows, standings, commit.
    fn finish(
        &mut self,
        connection: u64,
        batch: &Batch<'_>,
        snapshot: Option<Contest>,
    ) -> Result<Committed, StoreError> {
        self.check_open(connection)?;
        self.check_log(batch);
        let mut database = self.cluster.database();
        database.write(batch)?;
        let standings = match snapshot {
            Some(mut rows) => {
                in_memory_rows::write(&mut rows, batch.contest, batch.changes)
                    .map_err(StoreError::broken)?;
                SimDatabase::standings(&rows, batch.changes)
            }
            None => SimDatabase::standings(&database.rows, batch.changes),
        };
        let ranking_revision = database.rank(standings);
        database.advance(batch);
        if !self.cluster.has(PlantedBug::NotifiedBeforeCommit) {
            database.notify(batch);
        }
        database.unlock_checkpoints(connection);
        drop(database);
        self.cluster.progressed.send_modify(|count| *count += 1);
        self.cluster.trace(|| format!("store {connection}: {}", description(batch)));
        Ok(Committed { ranking_revision })
    }
}

fn description(batch: &Batch<'_>) -> String {
    let moves: Vec<String> = batch
        .advances
        .iter()
        .map(|a| format!("partition {} from {} to {}", a.partition, a.from, a.to))
        .collect();
    format!("committed {}", moves.join(", "))
}

impl Drop for SimStore {
    fn drop(&mut self) {
        self.disconnect();
    }
}

#[async_trait]
impl Store for SimStore {
    async fn claim(&mut self, partitions: &[u32]) -> Result<Claimed, StoreError> {
        self.round_trip().await?;
        let connection = self.connection();
        self.check_open(connection)?;
        let blindly = self.cluster.has(PlantedBug::LockUnchecked);
        self.cluster.database().release_all_but(connection, partitions);
        self.owned.retain(|owned| partitions.contains(owned));
        let mut claimed = Claimed::default();
        for partition in partitions.iter().copied() {
            // Leaves some partitions to a projector that starts at the same time.
            if self.cluster.params.shares && actor::chance(0.4) && !self.owned.contains(&partition)
            {
                continue;
            }
            let mut database = self.cluster.database();
            if !self.owned.contains(&partition) {
                match database.lock(partition, connection, blindly) {
                    None => continue,
                    Some(false) => {}
                    Some(true) => {
                        self.cluster.violation(format!("partition {partition} has two owners"));
                    }
                }
                self.owned.push(partition);
                self.cluster.trace(|| format!("store {connection}: owns partition {partition}"));
            }
            let offset = database.checkpoints.get(&partition).copied().unwrap_or(0);
            let last = database.last_folded.get(&partition).cloned();
            claimed.owned.push(Checkpoint { next: Position { partition, offset }, last });
        }
        let folded = self.cluster.database().last_folded.clone();
        claimed.folded_logs = folded.into_values().map(|last| last.log).collect();
        self.cluster.delay().await;
        Ok(claimed)
    }

    async fn keep_alive(&mut self) -> Result<(), StoreError> {
        match self.connection {
            Some(connection) => self.check_open(connection),
            None => Err(self.lost()),
        }
    }

    async fn load(&mut self, keys: &WorkingSetKeys) -> Result<Contest, StoreError> {
        self.round_trip().await?;
        let connection = self.connection();
        self.check_open(connection)?;
        let mut contest = in_memory_rows::load(&self.cluster.database().rows, keys);
        if self.cluster.has(PlantedBug::RejectionsNotLoaded) {
            contest.rejections.clear();
        }
        Ok(contest)
    }

    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError> {
        let connection = self.connection();
        if self.cluster.has(PlantedBug::NotifiedBeforeCommit) {
            self.cluster.database().notify(batch);
            self.cluster.progressed.send_modify(|count| *count += 1);
        }
        self.begin(connection, batch).await?;
        if self.cluster.has(PlantedBug::CheckpointApart) {
            self.cluster.database().advance(batch);
        }
        let snapshot = self.cluster.has(PlantedBug::RankingBeforeLock);
        let snapshot = snapshot.then(|| self.cluster.database().rows.clone());
        self.round_trip().await?;
        let committed = self.finish(connection, batch, snapshot)?;
        self.cluster.delay().await;
        if self.cluster.fault(0.3) {
            return Err(self.lost()); // Committed, but this process does not know.
        }
        Ok(committed)
    }
}
