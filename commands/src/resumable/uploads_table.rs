//! The table `resumable_uploads`. Times are those of the database, so that all processes agree.

use std::time::Duration;

use domain::{AccountId, Timestamp, VideoId};
use infra::database::{Pool, from_bigint, to_bigint};
use infra::object_storage::ObjectKey;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::limits::MAX_UNFINISHED;
use super::upload::{NewUpload, ResumableUpload, UploadId};

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

impl TryFrom<Row> for ResumableUpload {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: UploadId(row.upload_id),
            length: from_bigint(row.length)?,
            received: from_bigint(row.received)?,
            metadata: row.metadata,
            video: row.video_id.map(VideoId),
            expires_at: row.expires_at,
            owner: AccountId(row.owner),
            title: row.title,
            description: row.description,
            pieces: row.pieces,
            expired: row.expired,
        })
    }
}

/// A statement that gives rows of uploads: what stands before and after the columns, and its values.
macro_rules! upload_rows {
    ($before:tt, $after:tt, $($value:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            $before
                + "upload_id, owner, length, received, title, description, metadata, pieces,
                   video_id, expires_at, expires_at <= now() as \"expired!\""
                + $after,
            $($value),+
        )
    };
}

/// Inserts an upload. `None` if it exists already, or its owner has too many unfinished ones.
pub(super) async fn insert(
    pool: &Pool,
    id: UploadId,
    owner: AccountId,
    new: &NewUpload,
    expiry: Duration,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let mut session = pool.acquire().await?;
    let inserted = pool.bounded(insert_on(&mut session, id, owner, new, expiry)).await;
    session.judge(inserted)
}

async fn insert_on(
    connection: &mut PgConnection,
    id: UploadId,
    owner: AccountId,
    new: &NewUpload,
    expiry: Duration,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // One insert per owner at a time, so that the count is right.
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))",
        format!("uploads of {owner}"),
    )
    .execute(&mut *transaction)
    .await?;
    let inserted = upload_rows!(
        "insert into resumable_uploads
             (upload_id, owner, length, title, description, metadata, expires_at)
         select $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)
         where $8 > (
             select count(*) from resumable_uploads
             where owner = $2 and video_id is null and expires_at > now()
         )
         on conflict do nothing returning ",
        "",
        id.0,
        owner.0,
        to_bigint(new.length),
        new.title,
        new.description.as_deref(),
        new.metadata,
        expiry.as_secs_f64(),
        MAX_UNFINISHED,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    inserted.map(TryInto::try_into).transpose()
}

pub(super) async fn find(
    pool: &Pool,
    id: UploadId,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let found = upload_rows!("select ", " from resumable_uploads where upload_id = $1", id.0)
        .fetch_optional(pool)
        .await?;
    found.map(TryInto::try_into).transpose()
}

/// Extends the life of an upload that has not expired.
pub(super) async fn extend(pool: &Pool, id: UploadId, expiry: Duration) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update resumable_uploads set expires_at = now() + make_interval(secs => $2)
         where upload_id = $1 and expires_at > now()",
        id.0,
        expiry.as_secs_f64(),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Adds a piece. `None` if another piece was added first, or the upload has expired or is deleted.
pub(super) async fn add_piece(
    pool: &Pool,
    upload: &ResumableUpload,
    key: &ObjectKey,
    bytes: u64,
    expiry: Duration,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let added = upload_rows!(
        "update resumable_uploads
         set received = received + $3, pieces = array_append(pieces, $4),
             expires_at = now() + make_interval(secs => $5)
         where upload_id = $1 and received = $2 and expires_at > now()
         returning ",
        "",
        upload.id.0,
        to_bigint(upload.received),
        to_bigint(bytes),
        key.as_str(),
        expiry.as_secs_f64(),
    )
    .fetch_optional(pool)
    .await?;
    added.map(TryInto::try_into).transpose()
}

/// Notes the entered video. `None` if another process did so first, or the upload is deleted.
pub(super) async fn finish(
    pool: &Pool,
    id: UploadId,
    video: VideoId,
) -> Result<Option<ResumableUpload>, sqlx::Error> {
    let finished = upload_rows!(
        "update resumable_uploads set video_id = $2, pieces = '{}'
         where upload_id = $1 and video_id is null returning ",
        "",
        id.0,
        video.0,
    )
    .fetch_optional(pool)
    .await?;
    finished.map(TryInto::try_into).transpose()
}

/// Deletes an upload. Returns the objects of its pieces.
pub(super) async fn delete(pool: &Pool, id: UploadId) -> Result<Vec<ObjectKey>, sqlx::Error> {
    let pieces = sqlx::query_scalar!(
        "delete from resumable_uploads where upload_id = $1 returning pieces",
        id.0,
    )
    .fetch_all(pool)
    .await?;
    Ok(keys(&pieces))
}

/// Deletes an upload that has received no bytes.
pub(super) async fn delete_empty(
    pool: &Pool,
    id: UploadId,
    owner: AccountId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from resumable_uploads
         where upload_id = $1 and owner = $2 and received = 0 and video_id is null",
        id.0,
        owner.0,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Deletes all uploads of an account. Returns the objects of their pieces.
pub(super) async fn delete_of(
    pool: &Pool,
    owner: AccountId,
) -> Result<Vec<ObjectKey>, sqlx::Error> {
    let pieces = sqlx::query_scalar!(
        "delete from resumable_uploads where owner = $1 returning pieces",
        owner.0,
    )
    .fetch_all(pool)
    .await?;
    Ok(keys(&pieces))
}

pub(super) fn keys(pieces: &[Vec<String>]) -> Vec<ObjectKey> {
    pieces.iter().flatten().filter_map(|key| ObjectKey::parse(key)).collect()
}
