//! Removing resumable uploads that have expired, whose owner is erased, and objects of no upload.

use infra::database::Pool;
use infra::object_storage::{ObjectKey, ObjectStorage};
use uuid::Uuid;

use super::uploads_table;
use crate::error::CommandError;

/// How many expired rows one statement removes.
const GROUP: i64 = 500;
/// The prefix of the keys of all pieces.
pub(crate) const PREFIX: &str = "uploads/";

/// Removes expired uploads: first the row, so that no piece can be added, then its pieces. Returns
/// how many uploads.
pub(crate) async fn remove_expired(
    pool: &Pool,
    storage: &dyn ObjectStorage,
) -> Result<u64, CommandError> {
    let mut removed = 0;
    loop {
        let pieces = sqlx::query_scalar!(
            "delete from resumable_uploads where upload_id in (
                 select upload_id from resumable_uploads where expires_at <= now()
                 order by expires_at limit $1 for update skip locked
             ) returning pieces",
            GROUP,
        )
        .fetch_all(pool)
        .await?;
        removed += pieces.len() as u64;
        remove(storage, &uploads_table::keys(&pieces)).await?;
        if (pieces.len() as i64) < GROUP {
            return Ok(removed);
        }
    }
}

/// Removes uploads of erased accounts whose request ended before it could do so. Returns how many.
pub(crate) async fn remove_erased(
    pool: &Pool,
    storage: &dyn ObjectStorage,
) -> Result<u64, CommandError> {
    let pieces = sqlx::query_scalar!(
        "delete from resumable_uploads u using accounts a
         where a.account_id = u.owner and a.erased_by is not null returning u.pieces",
    )
    .fetch_all(pool)
    .await?;
    remove(storage, &uploads_table::keys(&pieces)).await?;
    Ok(pieces.len() as u64)
}

/// Removes those of the objects that belong to no upload. Returns how many.
pub(crate) async fn remove_orphans(
    pool: &Pool,
    storage: &dyn ObjectStorage,
    group: &[ObjectKey],
) -> Result<u64, CommandError> {
    let (keys, uploads): (Vec<String>, Vec<Uuid>) =
        group.iter().filter_map(|key| Some((key.to_string(), upload_of(key)?))).unzip();
    let orphans = sqlx::query_scalar!(
        r#"select key as "key!" from unnest($1::text[], $2::uuid[]) as piece (key, of_upload)
           where not exists (
               select from resumable_uploads where upload_id = of_upload and key = any (pieces)
           )"#,
        &keys,
        &uploads,
    )
    .fetch_all(pool)
    .await?;
    let orphans: Vec<ObjectKey> = orphans.iter().filter_map(|key| ObjectKey::parse(key)).collect();
    remove(storage, &orphans).await?;
    Ok(orphans.len() as u64)
}

/// The upload that a piece belongs to; `None` if the key is not that of a piece.
fn upload_of(key: &ObjectKey) -> Option<Uuid> {
    Uuid::parse_str(key.as_str().strip_prefix(PREFIX)?.get(..36)?).ok()
}

async fn remove(storage: &dyn ObjectStorage, keys: &[ObjectKey]) -> Result<(), CommandError> {
    for key in keys {
        storage.delete(key).await.map_err(CommandError::unavailable)?;
    }
    Ok(())
}
