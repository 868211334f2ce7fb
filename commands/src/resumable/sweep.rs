//! Resumable uploads that nobody goes on with, and how many there are.

use std::time::Duration;

use infra::object_storage::{ObjectKey, ObjectStorage};
use sqlx::PgPool;
use uuid::Uuid;

use super::rows;
use crate::CommandError;

/// So many rows are removed at a time.
const GROUP: i64 = 500;
/// How often they are counted.
const OBSERVED: Duration = Duration::from_secs(10);
/// What the keys of all pieces begin with.
pub(crate) const PREFIX: &str = "uploads/";

/// Removes what has expired: first the row, so that nothing can be added to it any more, then its
/// pieces. Returns how many uploads.
pub(crate) async fn remove_expired(
    pool: &PgPool,
    storage: &dyn ObjectStorage,
) -> Result<u64, CommandError> {
    let mut removed = 0;
    loop {
        let pieces: Vec<Vec<String>> = sqlx::query_scalar(
            "delete from resumable_uploads where upload_id in (
                 select upload_id from resumable_uploads where expires_at <= now()
                 order by expires_at limit $1 for update skip locked
             ) returning pieces",
        )
        .bind(GROUP)
        .fetch_all(pool)
        .await?;
        removed += pieces.len() as u64;
        remove(storage, &rows::keys(&pieces)).await?;
        if (pieces.len() as i64) < GROUP {
            return Ok(removed);
        }
    }
}

/// Removes uploads of people who were erased: their request died before it could. Returns how many.
pub(crate) async fn remove_erased(
    pool: &PgPool,
    storage: &dyn ObjectStorage,
) -> Result<u64, CommandError> {
    let pieces: Vec<Vec<String>> = sqlx::query_scalar(
        "delete from resumable_uploads u using accounts a
         where a.account_id = u.owner and a.erased_by is not null returning u.pieces",
    )
    .fetch_all(pool)
    .await?;
    remove(storage, &rows::keys(&pieces)).await?;
    Ok(pieces.len() as u64)
}

/// Removes those of these objects that belong to no upload. Returns how many.
pub(crate) async fn remove_orphans(
    pool: &PgPool,
    storage: &dyn ObjectStorage,
    group: &[ObjectKey],
) -> Result<u64, CommandError> {
    let pieces: Vec<(&str, Uuid)> =
        group.iter().filter_map(|key| Some((key.as_str(), upload_of(key)?))).collect();
    let orphans: Vec<String> = sqlx::query_scalar(
        "select key from unnest($1::text[], $2::uuid[]) as piece (key, of_upload)
         where not exists (
             select from resumable_uploads where upload_id = of_upload and key = any (pieces)
         )",
    )
    .bind(pieces.iter().map(|(key, _)| *key).collect::<Vec<_>>())
    .bind(pieces.iter().map(|(_, upload)| *upload).collect::<Vec<_>>())
    .fetch_all(pool)
    .await?;
    let orphans: Vec<ObjectKey> = orphans.iter().filter_map(|key| ObjectKey::parse(key)).collect();
    remove(storage, &orphans).await?;
    Ok(orphans.len() as u64)
}

/// The upload that a piece belongs to; `None` if it is no piece of ours.
fn upload_of(key: &ObjectKey) -> Option<Uuid> {
    Uuid::parse_str(key.as_str().strip_prefix(PREFIX)?.get(..36)?).ok()
}

async fn remove(storage: &dyn ObjectStorage, keys: &[ObjectKey]) -> Result<(), CommandError> {
    for key in keys {
        let removed = storage.delete(key).await;
        removed.map_err(|error| CommandError::Unavailable(error.to_string()))?;
    }
    Ok(())
}

/// Shows in this process's metrics, for ever, how many uploads are unfinished, and how many bytes have
/// come of them.
pub async fn observe(pool: PgPool) {
    loop {
        let counted: Result<(i64, i64), _> = sqlx::query_as(
            "select count(*), coalesce(sum(received), 0)::bigint from resumable_uploads
             where video_id is null",
        )
        .fetch_one(&pool)
        .await;
        match counted {
            Ok((uploads, bytes)) => {
                metrics::gauge!("anb_unfinished_uploads").set(uploads as f64);
                metrics::gauge!("anb_unfinished_upload_bytes").set(bytes as f64);
            }
            Err(error) => tracing::debug!(%error, "unfinished uploads cannot be counted"),
        }
        tokio::time::sleep(OBSERVED).await;
    }
}
