//! Read models in memory, as the minimal store sees them: it loads the rows that the keys name and
//! writes those that the changes name. The property tests of `domain` include this file.

use domain::contest::WorkingSetKeys;
use domain::{Changes, Contest};

/// Copies the rows that the keys name.
pub(crate) fn load(rows: &Contest, keys: &WorkingSetKeys) -> Contest {
    let mut contest = Contest::default();
    for key in &keys.accounts {
        contest.accounts.extend(rows.accounts.get(key).map(|row| (key.clone(), row.clone())));
    }
    for key in &keys.erased {
        contest.erased.extend(rows.erased.get(key).map(|row| (key.clone(), row.clone())));
    }
    let grants = rows.operator_grants.iter();
    contest
        .operator_grants
        .extend(grants.filter(|(_, grant)| keys.operator_grants.contains(&grant.account)));
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

/// Writes the changed rows of a working set. Accounts, erasures, votes and rejections are inserted,
/// as into tables with primary keys; grants and videos are updated. An erasure removes the account.
///
/// # Errors
/// The key of a row that is there already.
pub(crate) fn write(rows: &mut Contest, from: &Contest, changes: &Changes) -> Result<(), String> {
    let inserted = |is_new: bool, key: &dyn std::fmt::Debug| match is_new {
        true => Ok(()),
        false => Err(format!("duplicate key: {key:?}")),
    };
    for key @ (email, account) in &changes.erased {
        inserted(rows.erased.insert(key.clone(), from.erased[key].clone()).is_none(), key)?;
        if rows.accounts.get(email).is_some_and(|holder| holder.id == *account) {
            rows.accounts.remove(email);
        }
    }
    for key in &changes.accounts {
        inserted(rows.accounts.insert(key.clone(), from.accounts[key].clone()).is_none(), key)?;
    }
    for key in &changes.operator_grants {
        rows.operator_grants.insert(*key, from.operator_grants[key]);
    }
    for key in &changes.videos {
        rows.videos.insert(*key, from.videos[key].clone());
    }
    for key in &changes.votes {
        inserted(rows.votes.insert(*key, from.votes[key]).is_none(), key)?;
    }
    for key in &changes.rejections {
        inserted(rows.rejections.insert(*key, from.rejections[key]).is_none(), key)?;
    }
    Ok(())
}
