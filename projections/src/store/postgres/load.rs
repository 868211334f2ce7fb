//! The working set of a batch, one set-based query per table that the batch touches.

use domain::contest::WorkingSetKeys;
use domain::{
    Account, AccountId, Contest, EmailKey, ErasedAccount, EventId, OperatorGrant, Rejection,
    VideoId, Vote,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::recent::RecentVideos;
use super::rows;

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
    let emails: Vec<&str> = keys.accounts.iter().map(EmailKey::as_str).collect();
    let ids: Vec<Uuid> = keys.erased.iter().map(|(_, account)| account.0).collect();
    let rows = sqlx::query(
        "select email_key, account_id, city, country, registered_at, registered_by,
                erased_at, erased_by
         from accounts where (email_key = any($1) and erased_by is null) or account_id = any($2)",
    )
    .bind(emails)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    for row in rows {
        let email =
            EmailKey::parse(row.try_get("email_key")?).ok_or_else(|| rows::broken("email_key"))?;
        let account = Account {
            id: AccountId(row.try_get("account_id")?),
            city: row.try_get("city")?,
            country: row.try_get("country")?,
            registered_at: row.try_get("registered_at")?,
            registered_by: EventId(row.try_get("registered_by")?),
        };
        let erased_by: Option<Uuid> = row.try_get("erased_by")?;
        match erased_by.map(EventId) {
            None => {
                contest.accounts.insert(email, account);
            }
            Some(by) => {
                let erased = ErasedAccount { at: row.try_get("erased_at")?, by, account };
                contest.erased.insert((email, erased.account.id), erased);
            }
        }
    }
    Ok(())
}

/// All operator grants of some accounts: a few, since people make them by hand.
async fn operator_grants(
    connection: &mut PgConnection,
    keys: &WorkingSetKeys,
    contest: &mut Contest,
) -> Result<(), sqlx::Error> {
    if keys.operator_grants.is_empty() {
        return Ok(());
    }
    let accounts: Vec<Uuid> = keys.operator_grants.iter().map(|account| account.0).collect();
    let rows = sqlx::query(
        "select granted_by, account_id, granted_at, ended_at, ended_by
         from operator_terms where account_id = any($1)",
    )
    .bind(accounts)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let ended_by: Option<Uuid> = row.try_get("ended_by")?;
        let end = match ended_by.map(EventId) {
            Some(by) => Some((row.try_get("ended_at")?, by)),
            None => None,
        };
        let account = AccountId(row.try_get("account_id")?);
        let grant = OperatorGrant { account, since: row.try_get("granted_at")?, end };
        contest.operator_grants.insert(EventId(row.try_get("granted_by")?), grant);
    }
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
    let rows = sqlx::query("select * from videos where video_id = any($1)")
        .bind(ids)
        .fetch_all(connection)
        .await?;
    for row in &rows {
        let (id, video) = rows::video(row)?;
        recent.remember(id, &video);
        contest.videos.insert(id, video);
    }
    Ok(())
}

/// Votes that were cast already, and events that were rejected already; in one query, because every
/// batch asks for both.
async fn verdicts(
    connection: &mut PgConnection,
    keys: &WorkingSetKeys,
    contest: &mut Contest,
) -> Result<(), sqlx::Error> {
    let (videos, voters): (Vec<Uuid>, Vec<Uuid>) =
        keys.votes.iter().map(|(video, voter)| (video.0, voter.0)).unzip();
    let rows = sqlx::query(
        "select v.event_id, v.cast_at as at, v.video_id, v.voter, null as reason, null as votes
         from unnest($1::uuid[], $2::uuid[]) as ballot (video_id, voter)
         join votes v using (video_id, voter)
         union all
         select event_id, rejected_at, null, null, reason, votes
         from rejections where event_id = any($3)",
    )
    .bind(videos)
    .bind(voters)
    .bind(keys.events.iter().map(|event| event.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    for row in rows {
        let event_id = EventId(row.try_get("event_id")?);
        let at = row.try_get("at")?;
        let Some(reason) = row.try_get("reason")? else {
            let ballot = (VideoId(row.try_get("video_id")?), AccountId(row.try_get("voter")?));
            contest.votes.insert(ballot, Vote { event_id, at });
            continue;
        };
        let votes: Option<i64> = row.try_get("votes")?;
        let votes = votes.and_then(|votes| u64::try_from(votes).ok());
        let rejection =
            Rejection::from_code(reason, votes).ok_or_else(|| rows::broken("reason"))?;
        contest.rejections.insert(event_id, (rejection, at));
    }
    Ok(())
}
