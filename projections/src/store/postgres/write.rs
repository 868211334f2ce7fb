//! The rows that few batches change, one set-based statement per table.

use domain::text::place_key;
use domain::{Account, EmailKey, ErasedAccount, Video, VideoId, VideoState};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::rows::StatusColumns;
use crate::store::{Batch, DeadLetter};
use infra::database::{to_bigint, to_int};

/// All of them. Nothing is asked of the database where there is nothing to write.
pub(super) async fn all(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
) -> Result<(), sqlx::Error> {
    dead_letters(connection, batch.dead_letters).await?;
    erased_accounts(connection, batch).await?;
    accounts(connection, batch).await?;
    operator_terms(connection, batch).await?;
    videos(connection, batch).await?;
    rejections(connection, batch).await?;
    transcode_jobs(connection, batch).await
}

/// New accounts. An account id that is there already is a defect, and stops the projection.
async fn accounts(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    let new = batch.changes.accounts.iter();
    let rows = new.filter_map(|email| batch.contest.accounts.get_key_value(email));
    let rows: Vec<AccountRow<'_>> = rows.map(|(email, account)| (email, account, None)).collect();
    insert_accounts(connection, &rows, "").await
}

/// Erased accounts, most of which have a row already. They let go of their addresses here, so this
/// comes before [`accounts`].
async fn erased_accounts(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
) -> Result<(), sqlx::Error> {
    let rows = batch.changes.erased.iter().filter_map(|key| {
        let erased = batch.contest.erased.get(key)?;
        Some((&key.0, &erased.account, Some(erased)))
    });
    let rows: Vec<AccountRow<'_>> = rows.collect();
    let update = "on conflict (account_id) do update
                  set erased_at = excluded.erased_at, erased_by = excluded.erased_by";
    insert_accounts(connection, &rows, update).await
}

type AccountRow<'a> = (&'a EmailKey, &'a Account, Option<&'a ErasedAccount>);

async fn insert_accounts(
    connection: &mut PgConnection,
    rows: &[AccountRow<'_>],
    on_conflict: &'static str,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Account) -> String| -> Vec<String> {
        rows.iter().map(|(_, account, _)| of(account)).collect()
    };
    let sql = format!(
        "insert into accounts (email_key, account_id, city, country, city_key, country_key,
                               registered_at, registered_by, erased_at, erased_by)
         select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                              $6::text[], $7::timestamptz[], $8::uuid[], $9::timestamptz[],
                              $10::uuid[])
         {on_conflict}"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.iter().map(|(email, ..)| email.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, account, _)| account.id.0).collect::<Vec<_>>())
        .bind(column(|account| account.city.clone()))
        .bind(column(|account| account.country.clone()))
        .bind(column(|account| place_key(&account.city)))
        .bind(column(|account| place_key(&account.country)))
        .bind(rows.iter().map(|(_, account, _)| account.registered_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, account, _)| account.registered_by.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., erased)| erased.map(|e| e.at)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., erased)| erased.map(|e| e.by.0)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Terms of operators that have begun or ended.
async fn operator_terms(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
) -> Result<(), sqlx::Error> {
    let changed = batch.changes.operator_grants.iter();
    let terms: Vec<_> = changed
        .filter_map(|granted_by| batch.contest.operator_grants.get_key_value(granted_by))
        .collect();
    if terms.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into operator_terms (granted_by, account_id, granted_at, ended_at, ended_by)
         select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[],
                              $5::uuid[]) as t (granted_by, account_id, granted_at, ended_at, ended_by)
         -- A term that has ended makes room for the next one.
         order by t.ended_by is null
         on conflict (granted_by) do update
             set ended_at = excluded.ended_at, ended_by = excluded.ended_by",
    )
    .bind(terms.iter().map(|(granted_by, _)| granted_by.0).collect::<Vec<_>>())
    .bind(terms.iter().map(|(_, term)| term.account.0).collect::<Vec<_>>())
    .bind(terms.iter().map(|(_, term)| term.since).collect::<Vec<_>>())
    .bind(terms.iter().map(|(_, term)| term.end.map(|(at, _)| at)).collect::<Vec<_>>())
    .bind(terms.iter().map(|(_, term)| term.end.map(|(_, by)| by.0)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

async fn videos(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    let videos = staged_videos(batch);
    if videos.is_empty() {
        return Ok(());
    }
    let status: Vec<StatusColumns<'_>> = videos.iter().map(|(_, v)| (&v.state).into()).collect();
    sqlx::query(UPSERT_VIDEOS)
        .bind(videos.iter().map(|(id, _)| id.0).collect::<Vec<Uuid>>())
        .bind(videos.iter().map(|(_, v)| v.owner.0).collect::<Vec<Uuid>>())
        .bind(videos.iter().map(|(_, v)| v.title.as_str()).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| v.description.as_deref()).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| v.original_key.as_str()).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| v.content_type.as_str()).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| to_bigint(v.bytes)).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| v.sha256.as_str()).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| v.uploaded_at).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| v.uploaded_by.0).collect::<Vec<Uuid>>())
        .bind(videos.iter().map(|(_, v)| to_int(v.attempts)).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| to_bigint(v.votes)).collect::<Vec<_>>())
        .bind(videos.iter().map(|(_, v)| v.last_vote_at).collect::<Vec<_>>())
        .bind(status.iter().map(|s| s.status).collect::<Vec<_>>())
        .bind(status.iter().map(|s| s.ended_at).collect::<Vec<_>>())
        .bind(status.iter().map(|s| s.ended_by).collect::<Vec<_>>())
        .bind(status.iter().map(|s| s.deleted_at).collect::<Vec<_>>())
        .bind(status.iter().map(|s| s.deleted_by).collect::<Vec<_>>())
        .bind(status.iter().map(|s| s.failure_reason).collect::<Vec<_>>())
        .bind(published(&status, |p| p.processed_key.as_str()))
        .bind(published(&status, |p| p.poster_key.as_str()))
        .bind(published(&status, |p| to_bigint(p.duration_ms)))
        .bind(published(&status, |p| to_int(p.width)))
        .bind(published(&status, |p| to_int(p.height)))
        .bind(published(&status, |p| to_bigint(p.bytes)))
        .bind(status.iter().map(StatusColumns::hls_key).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

const UPSERT_VIDEOS: &str = "
    insert into videos (video_id, owner, title, description, original_key, content_type, bytes,
        sha256, uploaded_at, uploaded_by, attempts, votes, last_vote_at, status, ended_at, ended_by,
        deleted_at, deleted_by, failure_reason, processed_key, poster_key, duration_ms, width,
        height, processed_bytes, hls_key)
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::bigint[], $8::text[], $9::timestamptz[], $10::uuid[], $11::int[], $12::bigint[],
        $13::timestamptz[], $14::text[], $15::timestamptz[], $16::uuid[], $17::timestamptz[],
        $18::uuid[], $19::text[], $20::text[], $21::text[], $22::bigint[], $23::int[], $24::int[],
        $25::bigint[], $26::text[])
    on conflict (video_id) do update set
        attempts = excluded.attempts, votes = excluded.votes, last_vote_at = excluded.last_vote_at,
        status = excluded.status, ended_at = excluded.ended_at, ended_by = excluded.ended_by,
        deleted_at = excluded.deleted_at, deleted_by = excluded.deleted_by,
        failure_reason = excluded.failure_reason, processed_key = excluded.processed_key,
        poster_key = excluded.poster_key, duration_ms = excluded.duration_ms,
        width = excluded.width, height = excluded.height,
        processed_bytes = excluded.processed_bytes, hls_key = excluded.hls_key";

/// Videos that are new or have come to another stage.
fn staged_videos<'a>(batch: &Batch<'a>) -> Vec<(VideoId, &'a Video)> {
    let contest = batch.contest;
    batch
        .changes
        .status_changed
        .iter()
        .filter_map(|id| Some((*id, contest.videos.get(id)?)))
        .collect()
}

fn published<'a, T>(
    status: &[StatusColumns<'a>],
    of: impl Fn(&'a domain::video::Published) -> T,
) -> Vec<Option<T>> {
    status.iter().map(|status| status.published.map(&of)).collect()
}

async fn rejections(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<(), sqlx::Error> {
    let rejections: Vec<_> = batch
        .changes
        .rejections
        .iter()
        .filter_map(|event| batch.contest.rejections.get_key_value(event))
        .collect();
    if rejections.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into rejections (event_id, reason, votes, rejected_at)
         select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[])",
    )
    .bind(rejections.iter().map(|(event, _)| event.0).collect::<Vec<_>>())
    .bind(rejections.iter().map(|(_, (rejection, _))| rejection.code()).collect::<Vec<_>>())
    .bind(rejections.iter().map(|(_, (r, _))| r.votes().map(to_bigint)).collect::<Vec<_>>())
    .bind(rejections.iter().map(|(_, (_, at))| *at).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// A job for every video that waits or is being worked on, none for the others.
async fn transcode_jobs(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
) -> Result<(), sqlx::Error> {
    let open = |video: &Video| matches!(video.state, VideoState::Pending | VideoState::Processing);
    let (open, done): (Vec<_>, Vec<_>) =
        staged_videos(batch).into_iter().partition(|(_, video)| open(video));
    if !open.is_empty() {
        sqlx::query(
            "with queued as (
                 insert into transcode_jobs (video_id, owner, original_key, uploaded_by, queued_at)
                 select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[],
                                      $5::timestamptz[])
                 on conflict do nothing returning 1
             )
             select pg_notify('anb_transcode_jobs', '') where exists (select from queued)",
        )
        .bind(open.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind(open.iter().map(|(_, v)| v.owner.0).collect::<Vec<_>>())
        .bind(open.iter().map(|(_, v)| v.original_key.as_str()).collect::<Vec<_>>())
        .bind(open.iter().map(|(_, v)| v.uploaded_by.0).collect::<Vec<_>>())
        .bind(open.iter().map(|(_, v)| v.uploaded_at).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
    if !done.is_empty() {
        sqlx::query("delete from transcode_jobs where video_id = any($1)")
            .bind(done.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
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
    let record =
        |of: fn(&DeadLetter) -> Option<Vec<u8>>| letters.iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        r#"insert into dead_letters (partition, "offset", at, reason, key, headers, value)
           select * from unnest($1::int[], $2::bigint[], $3::timestamptz[], $4::text[], $5::bytea[],
                                $6::jsonb[], $7::bytea[])
           on conflict do nothing"#,
    )
    .bind(letters.iter().map(|l| to_int(l.record.position.partition)).collect::<Vec<_>>())
    .bind(letters.iter().map(|l| to_bigint(l.record.position.offset)).collect::<Vec<_>>())
    .bind(letters.iter().map(|l| l.record.at).collect::<Vec<_>>())
    .bind(letters.iter().map(|l| printable(&l.reason)).collect::<Vec<_>>())
    .bind(record(|l| l.record.key.as_ref().map(|key| key.to_vec())))
    .bind(letters.iter().map(headers).collect::<Vec<_>>())
    .bind(record(|l| l.record.value.as_ref().map(|value| value.to_vec())))
    .execute(connection)
    .await?;
    Ok(())
}

/// Header values may be any bytes; those that are no text are kept as arrays of numbers.
fn headers(letter: &DeadLetter) -> Json<Vec<(String, serde_json::Value)>> {
    let value = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => serde_json::Value::from(text),
        _ => serde_json::Value::from(bytes),
    };
    let headers = letter.record.headers.iter();
    Json(headers.map(|(name, bytes)| (printable(name), value(bytes))).collect())
}

/// Postgres takes no NUL in a text.
fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
