//! The simulated store, as one projector sees it through the port.

use std::sync::Arc;

use async_trait::async_trait;
use domain::contest::Keys;
use domain::{Contest, Position};
use projections::store::{Batch, Committed, Store, StoreError};
use tokio::time::Instant;

use crate::lane;
use crate::plant::Plant;
use crate::tables::Tables;
use crate::world::World;

/// A projector's connection to the database.
pub(crate) struct SimStore {
    world: Arc<World>,
    connection: Option<u64>,
    owned: Vec<u32>,
    /// When the server will notice that this client has died, should it die now.
    noticed_after: std::time::Duration,
}

impl SimStore {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        let noticed_after = std::time::Duration::from_millis(lane::below(3_000));
        Self { world: Arc::clone(world), connection: None, owned: Vec::new(), noticed_after }
    }

    fn connection(&mut self) -> u64 {
        if let Some(connection) = self.connection {
            return connection;
        }
        self.owned.clear();
        let connection = self.world.tables().connect();
        self.connection = Some(connection);
        connection
    }

    fn forget(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.world.tables().disconnect(connection, Instant::now() + self.noticed_after);
        }
        self.owned.clear();
    }

    fn lost(&mut self) -> StoreError {
        self.forget();
        StoreError::Unavailable("connection lost".to_owned())
    }

    /// One round trip, which may fail before anything has happened.
    async fn round_trip(&mut self) -> Result<(), StoreError> {
        self.world.delay().await;
        if self.world.fault(0.3) {
            return Err(self.lost());
        }
        Ok(())
    }

    /// Checks that the connection lives when the statement arrives.
    fn alive(&mut self, connection: u64) -> Result<(), StoreError> {
        if self.world.tables().lives(connection) || self.world.has(Plant::ZombieCommits) {
            return Ok(());
        }
        Err(self.lost())
    }

    /// The first statements of a transaction: checkpoints move only from where they were left.
    async fn begin(&mut self, connection: u64, batch: &Batch<'_>) -> Result<(), StoreError> {
        loop {
            self.round_trip().await?;
            self.alive(connection)?;
            if self.world.tables().begin(connection, batch) {
                break;
            }
        }
        let unconditional =
            self.world.has(Plant::CheckpointUnconditional) || self.world.has(Plant::ZombieCommits);
        let moved = self.world.tables().moved(batch);
        match moved {
            Some(partition) if !unconditional => {
                self.world.trace(|| format!("store {connection}: lost partition {partition}"));
                self.forget();
                Err(StoreError::LostOwnership(partition))
            }
            _ => Ok(()),
        }
    }

    /// The last ones: rows, standings, and the end of the transaction.
    fn finish(
        &mut self,
        connection: u64,
        batch: &Batch<'_>,
        snapshot: Option<Contest>,
    ) -> Result<Committed, StoreError> {
        self.alive(connection)?;
        let mut tables = self.world.tables();
        tables.write(batch)?;
        let standings = match snapshot {
            Some(snapshot) => Tables::standings(&with_rows_of(snapshot, batch), batch.changes),
            None => Tables::standings(&tables.rows, batch.changes),
        };
        let generation = tables.rank(standings);
        tables.advance(batch);
        if !self.world.has(Plant::NotifiedBeforeCommit) {
            tables.notify(batch);
        }
        tables.end(connection);
        drop(tables);
        self.world.progressed.send_modify(|count| *count += 1);
        self.world.trace(|| format!("store {connection}: {}", description(batch)));
        Ok(Committed { generation })
    }
}

/// A snapshot of the rows that standings depend on, with those of a batch.
fn with_rows_of(mut snapshot: Contest, batch: &Batch<'_>) -> Contest {
    for key in &batch.changes.erased {
        snapshot.erased.insert(key.clone(), batch.contest.erased[key].clone());
    }
    for key in &batch.changes.accounts {
        snapshot.accounts.insert(key.clone(), batch.contest.accounts[key].clone());
    }
    for key in &batch.changes.videos {
        snapshot.videos.insert(*key, batch.contest.videos[key].clone());
    }
    snapshot
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
        self.forget();
    }
}

#[async_trait]
impl Store for SimStore {
    async fn claim(&mut self, partitions: u32) -> Result<Vec<Position>, StoreError> {
        self.round_trip().await?;
        let connection = self.connection();
        self.alive(connection)?;
        let blindly = self.world.has(Plant::LockUnchecked);
        let mut positions = Vec::new();
        for partition in 0..partitions {
            // Another projector that starts at the same time may get some of them.
            if self.world.plan.shares && lane::chance(0.4) && !self.owned.contains(&partition) {
                continue;
            }
            let mut tables = self.world.tables();
            if !self.owned.contains(&partition) {
                match tables.lock(partition, connection, blindly) {
                    None => continue,
                    Some(false) => {}
                    Some(true) => {
                        self.world.violation(format!("partition {partition} has two owners"));
                    }
                }
                self.owned.push(partition);
                self.world.trace(|| format!("store {connection}: owns partition {partition}"));
            }
            let offset = tables.checkpoints.get(&partition).copied().unwrap_or(0);
            positions.push(Position { partition, offset });
        }
        self.world.delay().await;
        Ok(positions)
    }

    async fn keep_alive(&mut self) -> Result<(), StoreError> {
        match self.connection {
            Some(connection) => self.alive(connection),
            None => Err(self.lost()),
        }
    }

    async fn load(&mut self, keys: &Keys) -> Result<Contest, StoreError> {
        self.round_trip().await?;
        let connection = self.connection();
        self.alive(connection)?;
        let mut contest = Contest::default();
        let tables = self.world.tables();
        let rows = &tables.rows;
        for key in &keys.accounts {
            contest.accounts.extend(rows.accounts.get(key).map(|row| (key.clone(), row.clone())));
        }
        for key in &keys.erased {
            contest.erased.extend(rows.erased.get(key).map(|row| (key.clone(), row.clone())));
        }
        let of_interest = |term: &domain::Term| keys.terms.contains(&term.account);
        contest.terms.extend(rows.terms.iter().filter(|(_, term)| of_interest(term)));
        for key in &keys.videos {
            contest.videos.extend(rows.videos.get(key).map(|row| (*key, row.clone())));
        }
        for key in &keys.votes {
            contest.votes.extend(rows.votes.get(key).map(|row| (*key, *row)));
        }
        if !self.world.has(Plant::RejectionsNotLoaded) {
            for key in &keys.events {
                contest.rejections.extend(rows.rejections.get(key).map(|row| (*key, *row)));
            }
        }
        Ok(contest)
    }

    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError> {
        let connection = self.connection();
        if self.world.has(Plant::NotifiedBeforeCommit) {
            self.world.tables().notify(batch);
            self.world.progressed.send_modify(|count| *count += 1);
        }
        self.begin(connection, batch).await?;
        if self.world.has(Plant::CheckpointApart) {
            self.world.tables().advance(batch);
        }
        let snapshot = self.world.has(Plant::RankingBeforeLock);
        let snapshot = snapshot.then(|| self.world.tables().rows.clone());
        self.round_trip().await?;
        let committed = self.finish(connection, batch, snapshot)?;
        self.world.delay().await;
        if self.world.fault(0.3) {
            return Err(self.lost()); // Committed, but nobody here knows.
        }
        Ok(committed)
    }
}
