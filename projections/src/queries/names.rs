//! The names of artists. Pages come from the boards in memory, and those who lead them stand on every
//! new page; without this each page would be a question to the database.

use std::sync::Arc;
use std::time::Duration;

use domain::AccountId;
use hashbrown::{DefaultHashBuilder, HashMap};
use metrics::Counter;
use moka::sync::Cache;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use super::{QueryError, display_name};
use crate::ErasureEpoch;

/// Bytes that are remembered: some hundred thousand names.
const BYTES: u64 = 16 * 1024 * 1024;
/// What an entry weighs beyond its name: key and the cache's own records.
const OVERHEAD: usize = 144;
/// For a process that is cut off from the news of erasure_epoch, but not from the database.
const TTL: Duration = Duration::from_secs(5);

/// Names that were asked for lately. Cheap to clone.
#[derive(Clone)]
pub(super) struct Names {
    pool: PgPool,
    known: Cache<(u64, AccountId), Arc<str>, DefaultHashBuilder>,
    erasure_epoch: ErasureEpoch,
    remembered: Counter,
    asked: Counter,
}

impl Names {
    pub(super) fn new(pool: PgPool, erasure_epoch: ErasureEpoch) -> Self {
        let weigh = |_: &(u64, AccountId), name: &Arc<str>| {
            u32::try_from(name.len() + OVERHEAD).unwrap_or(u32::MAX)
        };
        let known = Cache::builder()
            .max_capacity(BYTES)
            .weigher(weigh)
            .time_to_live(TTL)
            .build_with_hasher(DefaultHashBuilder::default());
        let counter = |result| metrics::counter!("anb_names_total", "result" => result);
        Self { pool, known, erasure_epoch, remembered: counter("hit"), asked: counter("asked") }
    }

    /// The names of those of these artists who have one.
    pub(super) async fn of(
        &self,
        artists: impl IntoIterator<Item = AccountId>,
    ) -> Result<HashMap<AccountId, Arc<str>>, QueryError> {
        self.remember(artists, |unknown| ask(&self.pool, unknown)).await
    }

    async fn remember<F>(
        &self,
        artists: impl IntoIterator<Item = AccountId>,
        ask: impl FnOnce(Vec<Uuid>) -> F,
    ) -> Result<HashMap<AccountId, Arc<str>>, QueryError>
    where
        F: Future<Output = Result<Vec<(AccountId, Arc<str>)>, QueryError>>,
    {
        // Taken first, so that what was asked before an erasure is not found after it.
        let erasure_epoch = self.erasure_epoch.current();
        let (mut names, mut unknown) = (HashMap::new(), Vec::new());
        for artist in artists {
            match self.known.get(&(erasure_epoch, artist)) {
                Some(name) => drop(names.insert(artist, name)),
                None => unknown.push(artist.0),
            }
        }
        self.remembered.increment(names.len() as u64);
        if unknown.is_empty() {
            return Ok(names);
        }
        self.asked.increment(unknown.len() as u64);
        for (artist, name) in ask(unknown).await? {
            self.known.insert((erasure_epoch, artist), Arc::clone(&name));
            names.insert(artist, name);
        }
        Ok(names)
    }
}

async fn ask(pool: &PgPool, artists: Vec<Uuid>) -> Result<Vec<(AccountId, Arc<str>)>, QueryError> {
    let rows = sqlx::query(
        "select account_id, first_name, last_name from visible_persons where account_id = any($1)",
    )
    .bind(artists)
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| named(row).map(|(artist, name)| (artist, name.into()))).collect()
}

/// Somebody of the view `visible_persons`, and their name.
pub(super) fn named(row: &PgRow) -> Result<(AccountId, String), QueryError> {
    let name = display_name(row.try_get("first_name")?, row.try_get("last_name")?);
    Ok((AccountId(row.try_get("account_id")?), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: AccountId = AccountId(Uuid::from_u128(1));
    const BETO: AccountId = AccountId(Uuid::from_u128(2));

    fn names() -> Names {
        let pool = PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        Names::new(pool, ErasureEpoch::default())
    }

    /// What is said of both while the database knows `known`, and whom it is asked for.
    async fn look(names: &Names, known: &[AccountId]) -> (Vec<AccountId>, Vec<AccountId>) {
        let mut asked = Vec::new();
        let found = names.remember([ANA, BETO], async |unknown| {
            asked = unknown.into_iter().map(AccountId).collect();
            let found = asked.iter().filter(|artist| known.contains(artist));
            Ok(found.map(|artist| (*artist, "a name".into())).collect())
        });
        let mut found: Vec<_> = found.await.unwrap().into_keys().collect();
        found.sort_unstable();
        (found, asked)
    }

    #[tokio::test]
    async fn only_names_that_are_not_remembered_are_asked_for() {
        let names = names();
        assert_eq!(look(&names, &[ANA]).await, (vec![ANA], vec![ANA, BETO]));
        assert_eq!(look(&names, &[ANA, BETO]).await, (vec![ANA, BETO], vec![BETO]));
        assert_eq!(look(&names, &[]).await, (vec![ANA, BETO], vec![]));
    }

    #[tokio::test]
    async fn no_name_is_remembered_beyond_an_erasure() {
        let names = names();
        look(&names, &[ANA, BETO]).await;
        names.erasure_epoch.advance();
        assert_eq!(look(&names, &[BETO]).await, (vec![BETO], vec![ANA, BETO]));
    }

    #[tokio::test]
    async fn an_answer_from_before_an_erasure_is_not_remembered() {
        let names = names();
        let asked = names.remember([ANA], async |_| {
            names.erasure_epoch.advance(); // Ana is erased while the old answer is on its way.
            Ok(vec![(ANA, "Ana".into())])
        });
        assert!(asked.await.unwrap().contains_key(&ANA));
        assert_eq!(look(&names, &[]).await, (vec![], vec![ANA, BETO]));
    }
}
