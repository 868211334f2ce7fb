//! The working set of a batch, one set-based query per table that the batch needs.
//!
//! Every query names its columns. The plan of `select *` fails once a migration adds a column while this
//! version still runs: `cached plan must not change result type`.

use domain::contest::WorkingSetKeys;
use domain::{
    Account, AccountId, Contest, EmailKey, ErasedAccount, EventId, Rejection, VideoId, Vote,
};
use infra::database::from_bigint;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::recent_videos::RecentVideos;
use super::rows::{OperatorGrantRow, broken};
use super::video_row::VideoRow;

pub(super) async fn working_set(
    connection: &mut PgConnection,
    recent: &mut RecentVideos,
    keys: &WorkingSetKeys,
) -> Result<Contest, sqlx::Error> {
    let mut contest = Contest::default();
    accounts(connection, keys, &mut contest).await?;
    operator_grants(connection, keys, &mut contest).await?;
    videos(connection, recent, keys, &mut contest).await?;
    verdicts(connection, keys, &mut contest).await?;
    Ok(contest)
}

async fn accounts(
    connection: &mut PgConnection,
    keys: &WorkingSetKeys,
    contest: &mut Contest,
) -> Result<(), sqlx::Error> {
    if keys.accounts.is_empty() {
        return Ok(());
    }
    let emails: Vec<String> = keys.accounts.iter().map(|email| email.as_str().to_owned()).collect();
    let ids: Vec<Uuid> = keys.erased.iter().map(|(_, account)| account.0).collect();
    let rows = sqlx::query!(
        "select email_key, account_id, city, country, registered_at, registered_by,
                erased_at, erased_by
         from accounts where (email_key = any($1) and erased_by is null) or account_id = any($2)",
        &emails,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let email = EmailKey::parse(&row.email_key).ok_or_else(|| broken("email_key"))?;
        let account = Account {
            id: AccountId(row.account_id),
            city: row.city,
            country: row.country,
            registered_at: row.registered_at,
            registered_by: EventId(row.registered_by),
        };
        match row.erased_at.zip(row.erased_by.map(EventId)) {
            None => {
                contest.accounts.insert(email, account);
            }
            Some((at, by)) => {
                let erased = ErasedAccount { at, by, account };
                contest.erased.insert((email, erased.account.id), erased);
            }
        }
    }
    Ok(())
}

/// All operator grants of the accounts. Operators grant the role by hand, so these are few.
async fn operator_grants(
    connection: &mut PgConnection,
    keys: &WorkingSetKeys,
    contest: &mut Contest,
) -> Result<(), sqlx::Error> {
    if keys.operator_grants.is_empty() {
        return Ok(());
    }
    let accounts: Vec<Uuid> = keys.operator_grants.iter().map(|account| account.0).collect();
    let rows = sqlx::query_as!(
        OperatorGrantRow,
        "select granted_by, account_id, granted_at, ended_at, ended_by
         from operator_terms where account_id = any($1)",
        &accounts,
    )
    .fetch_all(connection)
    .await?;
    contest.operator_grants.extend(rows.into_iter().map(OperatorGrantRow::into_grant));
    Ok(())
}

async fn videos(
    connection: &mut PgConnection,
    recent: &mut RecentVideos,
    keys: &WorkingSetKeys,
    contest: &mut Contest,
) -> Result<(), sqlx::Error> {
    let mut ids: Vec<Uuid> = Vec::new();
    for id in &keys.videos {
        match recent.get(id) {
            Some(video) => {
                contest.videos.insert(*id, video.clone());
            }
            None => ids.push(id.0),
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query_as!(
        VideoRow,
        "select video_id, owner, title, description, original_key, content_type, bytes, sha256,
                uploaded_at, uploaded_by, attempts, votes, last_vote_at, status, ended_at, ended_by,
                deleted_at, deleted_by, failure_reason, processed_key, poster_key, duration_ms,
                width, height, processed_bytes, hls_key
         from videos where video_id = any($1)",
        &ids,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let (id, video) = row.into_video()?;
        recent.remember(id, &video);
        contest.videos.insert(id, video);
    }
    Ok(())
}

/// Counted votes and rejected events. One query for both, because every batch needs both.
async fn verdicts(
    connection: &mut PgConnection,
    keys: &WorkingSetKeys,
    contest: &mut Contest,
) -> Result<(), sqlx::Error> {
    let (videos, voters): (Vec<Uuid>, Vec<Uuid>) =
        keys.votes.iter().map(|(video, voter)| (video.0, voter.0)).unzip();
    let events: Vec<Uuid> = keys.events.iter().map(|event| event.0).collect();
    let rows = sqlx::query!(
        r#"select v.event_id as "event_id!", v.cast_at as "at!", v.video_id, v.voter,
                null as reason, null::bigint as votes
         from unnest($1::uuid[], $2::uuid[]) as ballot (video_id, voter)
         join votes v using (video_id, voter)
         union all
         select event_id, rejected_at, null, null, reason, votes
         from rejections where event_id = any($3)"#,
        &videos,
        &voters,
        &events,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let event_id = EventId(row.event_id);
        let Some(reason) = row.reason else {
            let video = VideoId(row.video_id.ok_or_else(|| broken("video_id"))?);
            let voter = AccountId(row.voter.ok_or_else(|| broken("voter"))?);
            contest.votes.insert((video, voter), Vote { event_id, at: row.at });
            continue;
        };
        let votes = row.votes.map(from_bigint).transpose()?;
        let rejection = Rejection::from_code(&reason, votes).ok_or_else(|| broken("reason"))?;
        contest.rejections.insert(event_id, (rejection, row.at));
    }
    Ok(())
}
