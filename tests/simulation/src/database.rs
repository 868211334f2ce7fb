//! The simulated database: rows, checkpoints, locks and connections.

use std::collections::{BTreeMap, BTreeSet};

use domain::ranking::{Standing, standing};
use domain::{AccountId, Changes, Contest, EventId, Position, Rejection, Timestamp};
use projections::store::{Batch, FoldedRecord, StoreError};
use tokio::time::Instant;

use crate::in_memory_rows;

/// All committed rows, and the locks and connections of the server.
#[derive(Default)]
pub(crate) struct SimDatabase {
    pub(crate) rows: Contest,
    pub(crate) ranking: BTreeMap<AccountId, Standing>,
    pub(crate) dead_letters: BTreeMap<Position, String>,
    pub(crate) checkpoints: BTreeMap<u32, u64>,
    /// The last record of each partition that was folded.
    pub(crate) last_folded: BTreeMap<u32, FoldedRecord>,
    pub(crate) ranking_revision: u64,
    /// The checkpoints that each commit has published, in commit order.
    pub(crate) notifications: Vec<Vec<Position>>,
    /// The rejections as they stood before the last commit.
    pub(crate) stale_rejections: BTreeMap<EventId, (Rejection, Timestamp)>,
    /// Advisory locks: which connection owns a partition.
    owners: BTreeMap<u32, u64>,
    /// Connections that believe that they own a partition: nobody has told them otherwise.
    assumed_owners: BTreeMap<u32, BTreeSet<u64>>,
    /// Row locks on checkpoints, held for a whole transaction.
    checkpoint_locks: BTreeMap<u32, u64>,
    connections: BTreeMap<u64, Option<Instant>>,
    last_connection: u64,
}

impl SimDatabase {
    pub(crate) fn connect(&mut self) -> u64 {
        self.last_connection += 1;
        self.connections.insert(self.last_connection, None);
        self.last_connection
    }

    /// Disconnects a client. The server notices at `noticed`, and keeps its locks until then.
    pub(crate) fn disconnect(&mut self, connection: u64, noticed: Instant) {
        if let Some(ends) = self.connections.get_mut(&connection) {
            *ends = Some(noticed);
        }
    }

    /// Ends a connection, its transaction and its locks.
    pub(crate) fn kill(&mut self, connection: u64) {
        self.connections.remove(&connection);
        self.checkpoint_locks.retain(|_, owner| *owner != connection);
        self.unlock(connection);
    }

    /// Releases the locks of a connection, which stays open and does not learn of it.
    pub(crate) fn unlock(&mut self, connection: u64) {
        self.owners.retain(|_, owner| *owner != connection);
        self.assumed_owners.values_mut().for_each(|who| who.retain(|id| *id != connection));
    }

    /// Whether a connection is open, once the server has noticed the dead ones.
    pub(crate) fn is_open(&mut self, connection: u64) -> bool {
        let now = Instant::now();
        let dead = |ends: &Option<Instant>| ends.is_some_and(|ends| ends <= now);
        let ended: Vec<u64> =
            self.connections.iter().filter(|(_, ends)| dead(ends)).map(|(id, _)| *id).collect();
        ended.into_iter().for_each(|id| self.kill(id));
        self.connections.contains_key(&connection)
    }

    /// Empties every table and resets the checkpoints, as a rebuild does.
    pub(crate) fn truncate(&mut self) {
        self.owners_of_partitions().into_iter().for_each(|owner| self.kill(owner));
        self.rows = Contest::default();
        self.ranking.clear();
        self.dead_letters.clear();
        self.stale_rejections.clear();
        self.checkpoints.values_mut().for_each(|offset| *offset = 0);
        self.last_folded.clear();
        self.ranking_revision += 1;
    }

    /// A copy of all rows, for [`Self::go_back_to`].
    pub(crate) fn saved(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            ranking: self.ranking.clone(),
            dead_letters: self.dead_letters.clone(),
            checkpoints: self.checkpoints.clone(),
            last_folded: self.last_folded.clone(),
            ranking_revision: self.ranking_revision,
            stale_rejections: self.stale_rejections.clone(),
            ..Self::default()
        }
    }

    /// Loses the commits since `saved`, as after a crash of a server that commits asynchronously.
    pub(crate) fn go_back_to(&mut self, saved: Self) {
        let connections: Vec<u64> = self.connections.keys().copied().collect();
        connections.into_iter().for_each(|connection| self.kill(connection));
        let Self { rows, ranking, dead_letters, checkpoints, last_folded, .. } = saved;
        self.rows = rows;
        self.ranking = ranking;
        self.dead_letters = dead_letters;
        self.checkpoints = checkpoints;
        self.last_folded = last_folded;
        self.ranking_revision = saved.ranking_revision;
        self.stale_rejections = saved.stale_rejections;
    }

    /// Connections that own a partition.
    pub(crate) fn owners_of_partitions(&self) -> Vec<u64> {
        let owners: BTreeSet<u64> = self.owners.values().copied().collect();
        owners.into_iter().collect()
    }

    /// Releases the locks of a connection on all partitions but these.
    pub(crate) fn release_all_but(&mut self, connection: u64, partitions: &[u32]) {
        let kept = |partition: &u32| partitions.contains(partition);
        self.owners.retain(|partition, owner| *owner != connection || kept(partition));
        for (partition, assumed) in &mut self.assumed_owners {
            if !kept(partition) {
                assumed.remove(&connection);
            }
        }
    }

    /// Tries to lock a partition. If granted: whether another connection believes that it owns it.
    pub(crate) fn lock(&mut self, partition: u32, connection: u64, blindly: bool) -> Option<bool> {
        if self.owners.contains_key(&partition) && !blindly {
            return None;
        }
        self.owners.insert(partition, connection);
        self.checkpoints.entry(partition).or_default();
        let assumed_owners = self.assumed_owners.entry(partition).or_default();
        let shared = assumed_owners.iter().any(|who| *who != connection);
        assumed_owners.insert(connection);
        Some(shared)
    }

    /// Locks the checkpoint rows for a transaction, unless another one holds one of them.
    pub(crate) fn lock_checkpoints(&mut self, connection: u64, batch: &Batch<'_>) -> bool {
        let held = |partition: &u32| {
            self.checkpoint_locks.get(partition).is_some_and(|w| *w != connection)
        };
        if batch.advances.iter().any(|advance| held(&advance.partition)) {
            return false;
        }
        self.checkpoint_locks.extend(batch.advances.iter().map(|a| (a.partition, connection)));
        true
    }

    /// Unlocks the checkpoint rows at the end of a transaction.
    pub(crate) fn unlock_checkpoints(&mut self, connection: u64) {
        self.checkpoint_locks.retain(|_, owner| *owner != connection);
    }

    /// A partition whose checkpoint is not where the owner of this batch left it.
    pub(crate) fn moved_checkpoint(&self, batch: &Batch<'_>) -> Option<u32> {
        let stands = |partition: &u32| self.checkpoints.get(partition).copied().unwrap_or(0);
        batch.advances.iter().find(|a| stands(&a.partition) != a.from).map(|a| a.partition)
    }

    pub(crate) fn advance(&mut self, batch: &Batch<'_>) {
        for advance in batch.advances {
            let (log, fingerprint) = (batch.log.clone(), advance.last);
            self.last_folded.insert(advance.partition, FoldedRecord { log, fingerprint });
            self.checkpoints.insert(advance.partition, advance.to);
        }
    }

    pub(crate) fn notify(&mut self, batch: &Batch<'_>) {
        let next =
            |a: &projections::store::Advance| Position { partition: a.partition, offset: a.to };
        self.notifications.push(batch.advances.iter().map(next).collect());
    }

    /// Writes a batch's rows. A second row with the same primary key is an error.
    pub(crate) fn write(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.stale_rejections = self.rows.rejections.clone().into_iter().collect();
        for letter in batch.dead_letters {
            self.dead_letters.entry(letter.record.position).or_insert(letter.reason.clone());
        }
        in_memory_rows::write(&mut self.rows, batch.contest, batch.changes)
            .map_err(StoreError::broken)
    }

    /// The standings of the artists that a batch changed, computed from all rows.
    pub(crate) fn standings(
        rows: &Contest,
        changes: &Changes,
    ) -> Vec<(AccountId, Option<Standing>)> {
        let of = |artist: &AccountId| {
            let registered = rows.all_accounts().any(|account| account.id == *artist);
            let videos = rows.videos.values().filter(|video| video.owner == *artist);
            (*artist, registered.then(|| standing(*artist, videos)).flatten())
        };
        changes.artists.iter().map(of).collect()
    }

    pub(crate) fn rank(&mut self, standings: Vec<(AccountId, Option<Standing>)>) -> Option<u64> {
        let before = self.ranking.clone();
        for (artist, standing) in standings {
            match standing {
                Some(standing) => self.ranking.insert(artist, standing),
                None => self.ranking.remove(&artist),
            };
        }
        (self.ranking != before).then(|| {
            self.ranking_revision += 1;
            self.ranking_revision
        })
    }
}
