//! The table of resumable uploads. Its clock is the database's, so that all processes agree.

use std::time::Duration;

use domain::{AccountId, Timestamp, VideoId};
use infra::object_storage::ObjectKey;
use sqlx::PgPool;
use uuid::Uuid;

use super::{MOST_UNFINISHED, NewUpload, ResumableUpload, UploadId};

const COLUMNS: &str = "upload_id, owner, length, received, title, description, metadata, pieces, \
                       video_id, expires_at, expires_at <= now() as expired";

#[derive(sqlx::FromRow)]
struct Row {
    upload_id: Uuid,
    owner: Uuid,
    length: i64,
    received: i64,
    title: String,
    description: Option<String>,
    metadata: String,
    pieces: Vec<String>,
    video_id: Option<Uuid>,
    expires_at: Timestamp,
    expired: bool,
}

impl From<Row> for ResumableUpload {
    fn from(row: Row) -> Self {
        Self {
            id: UploadId(row.upload_id),
            length: row.length as u64,
            received: row.received as u64,
            metadata: row.metadata,
            video: row.video_id.map(VideoId),
            expires_at: row.expires_at,
            owner: AccountId(row.owner),
            title: row.title,
            description: row.description,
            pieces: row.pieces,
            expired: row.expired,
        }
    }
}

/// `None` if there is such an upload already, or its owner has too many.
pub(super) async fn insert(
    pool: &PgPool,
    id: UploadId,
    owner: AccountId,
    new: &NewUpload,
    expiry: Duration,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // One at a time for each owner, so that the count is right.
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("uploads of {owner}"))
        .execute(&mut *transaction)
        .await?;
    let inserted: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "insert into resumable_uploads
             (upload_id, owner, length, title, description, metadata, expires_at)
         select $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)
         where $8 > (
             select count(*) from resumable_uploads
             where owner = $2 and video_id is null and expires_at > now()
         )
         on conflict do nothing returning {COLUMNS}"
    )))
    .bind(id.0)
    .bind(owner.0)
    .bind(new.length as i64)
    .bind(&new.title)
    .bind(&new.description)
    .bind(&new.metadata)
    .bind(expiry.as_secs_f64())
    .bind(MOST_UNFINISHED)
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(inserted.map(Into::into))
}

pub(super) async fn find(
    pool: &PgPool,
    id: UploadId,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let sql = format!("select {COLUMNS} from resumable_uploads where upload_id = $1");
    let found: Option<Row> =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id.0).fetch_optional(pool).await?;
    Ok(found.map(Into::into))
}

/// It is alive. One that has expired stays so.
pub(super) async fn touch(
    pool: &PgPool,
    id: UploadId,
    expiry: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update resumable_uploads set expires_at = now() + make_interval(secs => $2)
         where upload_id = $1 and expires_at > now()",
    )
    .bind(id.0)
    .bind(expiry.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

/// `None` if the upload is not where it was, or no more.
pub(super) async fn add_piece(
    pool: &PgPool,
    upload: &ResumableUpload,
    key: &ObjectKey,
    bytes: u64,
    expiry: Duration,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let moved: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "update resumable_uploads
         set received = received + $3, pieces = array_append(pieces, $4),
             expires_at = now() + make_interval(secs => $5)
         where upload_id = $1 and received = $2 and expires_at > now()
         returning {COLUMNS}"
    )))
    .bind(upload.id.0)
    .bind(upload.received as i64)
    .bind(bytes as i64)
    .bind(key.as_str())
    .bind(expiry.as_secs_f64())
    .fetch_optional(pool)
    .await?;
    Ok(moved.map(Into::into))
}

/// Its video has been entered. `None` if it is no more, or another one was faster.
pub(super) async fn finish(
    pool: &PgPool,
    id: UploadId,
    video: VideoId,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let finished: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "update resumable_uploads set video_id = $2, pieces = '{{}}'
         where upload_id = $1 and video_id is null returning {COLUMNS}"
    )))
    .bind(id.0)
    .bind(video.0)
    .fetch_optional(pool)
    .await?;
    Ok(finished.map(Into::into))
}

/// Says which objects nobody needs any more.
pub(super) async fn delete(pool: &PgPool, id: UploadId) -> Result<Vec<ObjectKey>, sqlx::Error> {
    let pieces: Vec<Vec<String>> =
        sqlx::query_scalar("delete from resumable_uploads where upload_id = $1 returning pieces")
            .bind(id.0)
            .fetch_all(pool)
            .await?;
    Ok(keys(&pieces))
}

/// Nothing has come of it, from nobody.
pub(super) async fn delete_empty(
    pool: &PgPool,
    id: UploadId,
    owner: AccountId,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from resumable_uploads
         where upload_id = $1 and owner = $2 and received = 0 and video_id is null",
    )
    .bind(id.0)
    .bind(owner.0)
    .execute(pool)
    .await?;
    Ok(())
}

/// Says which objects nobody needs any more.
pub(super) async fn delete_of(
    pool: &PgPool,
    owner: AccountId,
) -> Result<Vec<ObjectKey>, sqlx::Error> {
    let pieces: Vec<Vec<String>> =
        sqlx::query_scalar("delete from resumable_uploads where owner = $1 returning pieces")
            .bind(owner.0)
            .fetch_all(pool)
            .await?;
    Ok(keys(&pieces))
}

pub(super) fn keys(pieces: &[Vec<String>]) -> Vec<ObjectKey> {
    pieces.iter().flatten().filter_map(|key| ObjectKey::parse(key)).collect()
}
