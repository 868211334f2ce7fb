//! The rows that few batches change, one set-based statement per table.

use domain::{Timestamp, Video, VideoId};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::rows::{
    AccountColumns, AccountRow, DeadLetterColumns, DeadLetterRow, OperatorGrantColumns,
    OperatorGrantRow, RejectionColumns, RejectionRow, TranscodeJobColumns, TranscodeJobRow,
};
use super::video_row::{VideoColumns, VideoRow};
use crate::store::{Batch, DeadLetter};

/// Writes all of them. A table without changes costs no round trip.
pub(super) async fn all(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
) -> Result<(), sqlx::Error> {
    dead_letters(connection, batch.dead_letters).await?;
    erased_accounts(connection, batch).await?;
    accounts(connection, batch).await?;
    operator_grants(connection, batch).await?;
    videos(connection, batch).await?;
    rejections(connection, batch).await?;
    transcode_jobs(connection, batch).await
}

/// Inserts accounts. The rest must be a literal, so that the statement is checked.
macro_rules! insert_accounts {
    ($connection:expr, $columns:expr, $rest:literal) => {
        sqlx::query!(
            "insert into accounts (email_key, account_id, city, country, city_key, country_key,
                                   registered_at, registered_by, erased_at, erased_by)
             select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                                  $6::text[], $7::timestamptz[], $8::uuid[], $9::timestamptz[],
                                  $10::uuid[])"
                + $rest,
            &$columns.email_key,
            &$columns.account_id,
            &$columns.city,
            &$columns.country,
            &$columns.city_key,
            &$columns.country_key,
            &$columns.registered_at,
            &$columns.registered_by,
            &$columns.erased_at as &[Option<Timestamp>],
            &$columns.erased_by as &[Option<Uuid>],
        )
        .execute($connection)
    };
}

/// New accounts. An account id that exists already is a defect, and stops the projection.
async fn accounts(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    let new = batch.changes.accounts.iter();
    let accounts = new.filter_map(|email| batch.contest.accounts.get_key_value(email));
    let columns: AccountColumns =
        accounts.map(|(email, account)| AccountRow::registered(email, account)).collect();
    if !columns.account_id.is_empty() {
        insert_accounts!(connection, columns, "").await?;
    }
    Ok(())
}

/// Erased accounts, most of which have a row already. They release their addresses, so this comes
/// before [`accounts`]. Nothing else of an account ever changes, so only the erasure is updated.
async fn erased_accounts(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
) -> Result<(), sqlx::Error> {
    let erased = batch.changes.erased.iter();
    let erased = erased.filter_map(|key| Some((&key.0, batch.contest.erased.get(key)?)));
    let columns: AccountColumns =
        erased.map(|(email, erased)| AccountRow::erased(email, erased)).collect();
    if !columns.account_id.is_empty() {
        insert_accounts!(
            connection,
            columns,
            " on conflict (account_id) do update
             set erased_at = excluded.erased_at, erased_by = excluded.erased_by"
        )
        .await?;
    }
    Ok(())
}

/// Operator grants that are new or have ended. Nothing but the end of a grant ever changes.
async fn operator_grants(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
) -> Result<(), sqlx::Error> {
    let changed = batch.changes.operator_grants.iter();
    let grants = changed.filter_map(|id| batch.contest.operator_grants.get_key_value(id));
    let columns: OperatorGrantColumns =
        grants.map(|(id, grant)| OperatorGrantRow::of(*id, grant)).collect();
    if columns.granted_by.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into operator_terms (granted_by, account_id, granted_at, ended_at, ended_by)
         select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[],
                              $5::uuid[]) as t (granted_by, account_id, granted_at, ended_at, ended_by)
         -- An account has one open grant: ended grants come first.
         order by t.ended_by is null
         on conflict (granted_by) do update
             set ended_at = excluded.ended_at, ended_by = excluded.ended_by",
        &columns.granted_by,
        &columns.account_id,
        &columns.granted_at,
        &columns.ended_at as &[Option<Timestamp>],
        &columns.ended_by as &[Option<Uuid>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Videos that are new or have a changed state. An update sets every column but the key: an event that
/// changes another field needs no change here.
async fn videos(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    let rows = changed_videos(batch).into_iter().map(|(id, video)| VideoRow::of(id, video));
    let columns: VideoColumns = rows.collect();
    if columns.video_id.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into videos (video_id, owner, title, description, original_key, content_type, bytes,
            sha256, uploaded_at, uploaded_by, attempts, votes, last_vote_at, status, ended_at, ended_by,
            deleted_at, deleted_by, failure_reason, processed_key, poster_key, duration_ms, width,
            height, processed_bytes, hls_key)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::bigint[], $8::text[], $9::timestamptz[], $10::uuid[], $11::int[], $12::bigint[],
            $13::timestamptz[], $14::text[], $15::timestamptz[], $16::uuid[], $17::timestamptz[],
            $18::uuid[], $19::text[], $20::text[], $21::text[], $22::bigint[], $23::int[], $24::int[],
            $25::bigint[], $26::text[])
        on conflict (video_id) do update set
            owner = excluded.owner, title = excluded.title, description = excluded.description,
            original_key = excluded.original_key, content_type = excluded.content_type,
            bytes = excluded.bytes, sha256 = excluded.sha256, uploaded_at = excluded.uploaded_at,
            uploaded_by = excluded.uploaded_by, attempts = excluded.attempts, votes = excluded.votes,
            last_vote_at = excluded.last_vote_at, status = excluded.status,
            ended_at = excluded.ended_at, ended_by = excluded.ended_by,
            deleted_at = excluded.deleted_at, deleted_by = excluded.deleted_by,
            failure_reason = excluded.failure_reason, processed_key = excluded.processed_key,
            poster_key = excluded.poster_key, duration_ms = excluded.duration_ms,
            width = excluded.width, height = excluded.height,
            processed_bytes = excluded.processed_bytes, hls_key = excluded.hls_key",
        &columns.video_id,
        &columns.owner,
        &columns.title,
        &columns.description as &[Option<String>],
        &columns.original_key,
        &columns.content_type,
        &columns.bytes,
        &columns.sha256,
        &columns.uploaded_at,
        &columns.uploaded_by,
        &columns.attempts,
        &columns.votes,
        &columns.last_vote_at as &[Option<Timestamp>],
        &columns.status,
        &columns.ended_at as &[Option<Timestamp>],
        &columns.ended_by as &[Option<Uuid>],
        &columns.deleted_at as &[Option<Timestamp>],
        &columns.deleted_by as &[Option<Uuid>],
        &columns.failure_reason as &[Option<String>],
        &columns.processed_key as &[Option<String>],
        &columns.poster_key as &[Option<String>],
        &columns.duration_ms as &[Option<i64>],
        &columns.width as &[Option<i32>],
        &columns.height as &[Option<i32>],
        &columns.processed_bytes as &[Option<i64>],
        &columns.hls_key as &[Option<String>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn changed_videos<'a>(batch: &Batch<'a>) -> Vec<(VideoId, &'a Video)> {
    let contest = batch.contest;
    let changed = batch.changes.status_changed.iter();
    changed.filter_map(|id| Some((*id, contest.videos.get(id)?))).collect()
}

async fn rejections(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    let new = batch.changes.rejections.iter();
    let rejections = new.filter_map(|event| batch.contest.rejections.get_key_value(event));
    let columns: RejectionColumns = rejections
        .map(|(event, (rejection, at))| RejectionRow::of(*event, *rejection, *at))
        .collect();
    if columns.event_id.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into rejections (event_id, reason, votes, rejected_at)
         select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[])",
        &columns.event_id,
        &columns.reason,
        &columns.votes as &[Option<i64>],
        &columns.rejected_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A job for every video whose processing is still to end, none for the others.
async fn transcode_jobs(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
) -> Result<(), sqlx::Error> {
    let (open, done): (Vec<_>, Vec<_>) = changed_videos(batch)
        .into_iter()
        .partition(|(_, video)| video.state.status().awaits_processing());
    if !open.is_empty() {
        let jobs = open.into_iter().map(|(id, video)| TranscodeJobRow::of(id, video));
        let columns: TranscodeJobColumns = jobs.collect();
        sqlx::query!(
            "with queued as (
                 insert into transcode_jobs (video_id, owner, original_key, uploaded_by, queued_at)
                 select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[],
                                      $5::timestamptz[])
                 on conflict do nothing returning 1
             )
             select pg_notify('anb_transcode_jobs', '') where exists (select from queued)",
            &columns.video_id,
            &columns.owner,
            &columns.original_key,
            &columns.uploaded_by,
            &columns.queued_at,
        )
        .execute(&mut *connection)
        .await?;
    }
    if !done.is_empty() {
        let done: Vec<Uuid> = done.iter().map(|(id, _)| id.0).collect();
        sqlx::query!("delete from transcode_jobs where video_id = any($1)", &done)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn dead_letters(
    connection: &mut PgConnection,
    letters: &[DeadLetter],
) -> Result<(), sqlx::Error> {
    if letters.is_empty() {
        return Ok(());
    }
    let columns: DeadLetterColumns = letters.iter().map(DeadLetterRow::of).collect();
    sqlx::query!(
        r#"insert into dead_letters (partition, "offset", at, reason, key, headers, value)
           select * from unnest($1::int[], $2::bigint[], $3::timestamptz[], $4::text[], $5::bytea[],
                                $6::jsonb[], $7::bytea[])
           on conflict do nothing"#,
        &columns.partition,
        &columns.offset,
        &columns.at,
        &columns.reason,
        &columns.key as &[Option<Vec<u8>>],
        &columns.headers as &[Json<Vec<(String, Value)>>],
        &columns.value as &[Option<Vec<u8>>],
    )
    .execute(connection)
    .await?;
    Ok(())
}
