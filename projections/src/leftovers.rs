//! What no row of complete read models needs: objects of no video, and persons of no account.
//!
//! The sweep deletes what these questions return, so they share one rule: a row is missing only if the
//! projection has folded the log up to its end. Each candidate costs a few lookups by index.

use domain::{AccountId, EventId, object_keys};
use infra::database::Pool;
use infra::database::to_bigint;
use ports::LookupError;
use uuid::Uuid;

/// Asks `question`, a statement that ends in its conditions, of complete read models. Others have no
/// answers. `$1` is the ends of the partitions.
///
/// One statement, one snapshot: a switch of generations cannot come between the check that the projection
/// is complete and the answer.
macro_rules! select_if_complete {
    ($question:literal, $ends:expr, $($argument:expr),+) => {
        sqlx::query_scalar!(
            $question
                + " and not exists (
                     select from unnest($1::bigint[]) with ordinality as log (next, number)
                     left join checkpoints c on c.partition = log.number - 1
                     where coalesce(c.next_offset, 0) < log.next
                 ) and not exists (
                     select from checkpoints where partition >= cardinality($1::bigint[])
                 )",
            $ends,
            $($argument),+
        )
    };
}

/// See [`ReadModels::orphaned_keys`](ports::read_models::ReadModels::orphaned_keys).
pub(crate) async fn orphaned_keys(
    pool: &Pool,
    keys: &[String],
    ends: &[u64],
) -> Result<Vec<String>, LookupError> {
    let attributed = keys.iter().filter_map(|key| {
        let video = object_keys::video_of(key).map(|video| video.0);
        let ours = video.is_some() || key.starts_with(object_keys::ORIGINALS);
        ours.then(|| (key.clone(), video))
    });
    let (keys, videos): (Vec<String>, Vec<Option<Uuid>>) = attributed.unzip();
    // Postgres turns `not exists` into a join with all videos when it expects many keys. It looks up a
    // scalar subquery key by key.
    select_if_complete!(
        r#"select key as "key!" from unnest($2::text[], $3::uuid[]) as object (key, of_video)
         where not coalesce((
             select true from videos v where v.original_key = key and v.status <> 'deleted'
             and not exists (
                 select from accounts a where a.account_id = v.owner and a.erased_by is not null
             ) limit 1
         ), false) and not coalesce((
             -- A worker stores results before it appends their event.
             select v.status in ('pending', 'processing') or v.status <> 'deleted' and (
                 key in (v.processed_key, v.poster_key)
                 or v.hls_key is not null and starts_with(key, 'hls/')
             ) from videos v where v.video_id = of_video
         ), false)"#,
        &bigints(ends),
        &keys,
        &videos as &[Option<Uuid>]
    )
    .fetch_all(pool)
    .await
    .map_err(LookupError::new)
}

/// See [`ReadModels::unregistered`](ports::read_models::ReadModels::unregistered).
pub(crate) async fn unregistered(
    pool: &Pool,
    registrations: &[(AccountId, EventId)],
    ends: &[u64],
) -> Result<Vec<AccountId>, LookupError> {
    let (accounts, events): (Vec<Uuid>, Vec<Uuid>) =
        registrations.iter().map(|(account, event)| (account.0, event.0)).unzip();
    let ids = select_if_complete!(
        r#"select account as "account!" from unnest($2::uuid[], $3::uuid[])
             as registration (account, event)
         where not coalesce((
             select true from accounts where account_id = account
         ), false) and not exists (
             select from dead_letters where strpos(headers::text, event::text) > 0
         )"#,
        &bigints(ends),
        &accounts,
        &events
    );
    let ids = ids.fetch_all(pool).await.map_err(LookupError::new)?;
    Ok(ids.into_iter().map(AccountId).collect())
}

fn bigints(ends: &[u64]) -> Vec<i64> {
    ends.iter().copied().map(to_bigint).collect()
}
