//! A minimal projector in memory: it loads only the rows that the keys name and writes only the rows
//! that the changes name.

use domain::contest::WorkingSetKeys;
use domain::fold::{fold, working_set_keys};
use domain::{Changes, Contest, EventId, FoldOutcome, Recorded};

/// Read models in memory.
#[derive(Default)]
pub(super) struct Store {
    rows: Contest,
}

impl Store {
    pub(super) fn rows(&self) -> &Contest {
        &self.rows
    }

    pub(super) fn into_rows(self) -> Contest {
        self.rows
    }

    pub(super) fn fold_batch(
        &mut self,
        batch: &[Recorded],
    ) -> (Vec<(EventId, FoldOutcome)>, Changes) {
        let mut working_set = self.load(&working_set_keys(batch));
        let mut changes = Changes::default();
        let outcomes = batch
            .iter()
            .map(|record| (record.event_id, fold(&mut working_set, &mut changes, record)))
            .collect();
        self.write(&working_set, &changes);
        (outcomes, changes)
    }

    fn load(&self, keys: &WorkingSetKeys) -> Contest {
        let rows = &self.rows;
        let mut contest = Contest::default();
        for key in &keys.accounts {
            contest.accounts.extend(rows.accounts.get(key).map(|row| (key.clone(), row.clone())));
        }
        for key in &keys.erased {
            contest.erased.extend(rows.erased.get(key).map(|row| (key.clone(), row.clone())));
        }
        let of_interest =
            |grant: &domain::OperatorGrant| keys.operator_grants.contains(&grant.account);
        contest
            .operator_grants
            .extend(rows.operator_grants.iter().filter(|(_, grant)| of_interest(grant)));
        for key in &keys.videos {
            contest.videos.extend(rows.videos.get(key).map(|row| (*key, row.clone())));
        }
        for key in &keys.votes {
            contest.votes.extend(rows.votes.get(key).map(|row| (*key, *row)));
        }
        for key in &keys.events {
            contest.rejections.extend(rows.rejections.get(key).map(|row| (*key, *row)));
        }
        contest
    }

    /// Accounts, votes and rejections are inserted under a primary key, so a second row is an error.
    /// Videos are updated. An erasure replaces the row of the account, if there is one.
    fn write(&mut self, from: &Contest, changes: &Changes) {
        for key @ (email, account) in &changes.erased {
            let row = from.erased[key].clone();
            assert!(self.rows.erased.insert(key.clone(), row).is_none(), "erasure {key:?}");
            if self.rows.accounts.get(email).is_some_and(|holder| holder.id == *account) {
                self.rows.accounts.remove(email);
            }
        }
        for key in &changes.accounts {
            let row = from.accounts[key].clone();
            assert!(self.rows.accounts.insert(key.clone(), row).is_none(), "account {key:?}");
        }
        for key in &changes.operator_grants {
            self.rows.operator_grants.insert(*key, from.operator_grants[key]);
        }
        for key in &changes.videos {
            self.rows.videos.insert(*key, from.videos[key].clone());
        }
        for key in &changes.votes {
            assert!(self.rows.votes.insert(*key, from.votes[key]).is_none(), "vote {key:?}");
        }
        for key in &changes.rejections {
            let row = from.rejections[key];
            assert!(self.rows.rejections.insert(*key, row).is_none(), "rejection {key:?}");
        }
    }
}
