//! A cache of artists' names.
//!
//! Pages come from the boards in memory, and the leaders appear on every new page. Without the cache
//! each new page would query the database.

use std::sync::Arc;
use std::time::Duration;

use domain::AccountId;
use hashbrown::{DefaultHashBuilder, HashMap};
use infra::database::Pool;
use metrics::Counter;
use moka::sync::Cache;
use uuid::Uuid;

use super::display_name::display_name;
use crate::erasure_epoch::ErasureEpoch;
use crate::query_error::QueryError;

/// Bytes of all entries: some hundred thousand names.
const CAPACITY_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of an entry beyond its name: its key and the cache's own records.
const ENTRY_OVERHEAD: usize = 144;
/// Bounds how long an erased name is shown in a process that is cut off from notifications.
const NAME_TTL: Duration = Duration::from_secs(5);

/// Recently used names, by erasure epoch and artist. Cheap to clone.
#[derive(Clone)]
pub(super) struct NameCache {
    pool: Pool,
    known: Cache<(u64, AccountId), Arc<str>, DefaultHashBuilder>,
    erasure_epoch: ErasureEpoch,
    hits: Counter,
    misses: Counter,
}

impl NameCache {
    pub(super) fn new(pool: Pool, erasure_epoch: ErasureEpoch) -> Self {
        let weigh = |_: &(u64, AccountId), name: &Arc<str>| {
            u32::try_from(name.len() + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
        };
        let known = Cache::builder()
            .max_capacity(CAPACITY_BYTES)
            .weigher(weigh)
            .time_to_live(NAME_TTL)
            .build_with_hasher(DefaultHashBuilder::default());
        let counter = |result| metrics::counter!("anb_names_total", "result" => result);
        Self { pool, known, erasure_epoch, hits: counter("hit"), misses: counter("asked") }
    }

    /// The names of `artists`. Artists without a name are missing.
    pub(super) async fn of(
        &self,
        artists: impl IntoIterator<Item = AccountId>,
    ) -> Result<HashMap<AccountId, Arc<str>>, QueryError> {
        self.load_with(artists, |unknown| query(&self.pool, unknown)).await
    }

    async fn load_with<F>(
        &self,
        artists: impl IntoIterator<Item = AccountId>,
        query: impl FnOnce(Vec<Uuid>) -> F,
    ) -> Result<HashMap<AccountId, Arc<str>>, QueryError>
    where
        F: Future<Output = Result<Vec<(AccountId, Arc<str>)>, QueryError>>,
    {
        // Read before the query: an answer from before an erasure must not be found after it.
        let erasure_epoch = self.erasure_epoch.current();
        let (mut names, mut unknown) = (HashMap::new(), Vec::new());
        for artist in artists {
            match self.known.get(&(erasure_epoch, artist)) {
                Some(name) => drop(names.insert(artist, name)),
                None => unknown.push(artist.0),
            }
        }
        self.hits.increment(names.len() as u64);
        if unknown.is_empty() {
            return Ok(names);
        }
        self.misses.increment(unknown.len() as u64);
        for (artist, name) in query(unknown).await? {
            self.known.insert((erasure_epoch, artist), Arc::clone(&name));
            names.insert(artist, name);
        }
        Ok(names)
    }
}

async fn query(pool: &Pool, artists: Vec<Uuid>) -> Result<Vec<(AccountId, Arc<str>)>, QueryError> {
    let rows = sqlx::query_as!(
        PersonRow,
        r#"select account_id as "account_id!", first_name, last_name from visible_persons
         where account_id = any($1)"#,
        &artists,
    )
    .fetch_all(pool)
    .await?;
    let named = |(artist, name): (AccountId, String)| (artist, name.into());
    Ok(rows.into_iter().map(|row| named(row.into_named())).collect())
}

/// A row of `visible_persons`.
struct PersonRow {
    account_id: Uuid,
    first_name: Option<String>,
    last_name: Option<String>,
}

impl PersonRow {
    /// The account and the name as pages show it.
    fn into_named(self) -> (AccountId, String) {
        (AccountId(self.account_id), display_name(self.first_name, self.last_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: AccountId = AccountId(Uuid::from_u128(1));
    const BETO: AccountId = AccountId(Uuid::from_u128(2));

    fn names() -> NameCache {
        let pool = Pool::connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        NameCache::new(pool, ErasureEpoch::default())
    }

    /// The artists found while the database knows `known`, and the artists that were queried.
    async fn look(names: &NameCache, known: &[AccountId]) -> (Vec<AccountId>, Vec<AccountId>) {
        let mut asked = Vec::new();
        let found = names.load_with([ANA, BETO], async |unknown| {
            asked = unknown.into_iter().map(AccountId).collect();
            let found = asked.iter().filter(|artist| known.contains(artist));
            Ok(found.map(|artist| (*artist, "a name".into())).collect())
        });
        let mut found: Vec<_> = found.await.unwrap().into_keys().collect();
        found.sort_unstable();
        (found, asked)
    }

    #[tokio::test]
    async fn only_unknown_names_are_queried() {
        let names = names();
        assert_eq!(look(&names, &[ANA]).await, (vec![ANA], vec![ANA, BETO]));
        assert_eq!(look(&names, &[ANA, BETO]).await, (vec![ANA, BETO], vec![BETO]));
        assert_eq!(look(&names, &[]).await, (vec![ANA, BETO], vec![]));
    }

    #[tokio::test]
    async fn an_erasure_empties_the_cache() {
        let names = names();
        look(&names, &[ANA, BETO]).await;
        names.erasure_epoch.advance();
        assert_eq!(look(&names, &[BETO]).await, (vec![BETO], vec![ANA, BETO]));
    }

    #[tokio::test]
    async fn an_answer_from_before_an_erasure_is_not_cached() {
        let names = names();
        let asked = names.load_with([ANA], async |_| {
            names.erasure_epoch.advance(); // Ana is erased while the old answer is on its way.
            Ok(vec![(ANA, "Ana".into())])
        });
        assert!(asked.await.unwrap().contains_key(&ANA));
        assert_eq!(look(&names, &[]).await, (vec![], vec![ANA, BETO]));
    }
}
