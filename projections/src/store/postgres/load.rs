//! The working set of a batch, one set-based query per table that the batch touches.

use domain::contest::Keys;
use domain::{
    Account, AccountId, Contest, EmailKey, ErasedAccount, EventId, Rejection, VideoId, Vote,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::recent::RecentVideos;
use super::rows;

pub(super) async fn working_set(
    connection: &mut PgConnection,
    recent: &mut RecentVideos,
    keys: &Keys,
) -> Result<Contest, sqlx::Error> {
    let mut contest = Contest::default();
    accounts(connection, keys, &mut contest).await?;
    videos(connection, recent, keys, &mut contest).await?;
    votes(connection, keys, &mut contest).await?;
    rejections(connection, keys, &mut contest).await?;
    Ok(contest)
}

async fn accounts(
    connection: &mut PgConnection,
    keys: &Keys,
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

async fn videos(
    connection: &mut PgConnection,
    recent: &mut RecentVideos,
    keys: &Keys,
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

async fn votes(
    connection: &mut PgConnection,
    keys: &Keys,
    contest: &mut Contest,
) -> Result<(), sqlx::Error> {
    if keys.votes.is_empty() {
        return Ok(());
    }
    let (videos, voters): (Vec<Uuid>, Vec<Uuid>) =
        keys.votes.iter().map(|(video, voter)| (video.0, voter.0)).unzip();
    let rows = sqlx::query(
        "select v.video_id, v.voter, v.event_id, v.cast_at
         from unnest($1::uuid[], $2::uuid[]) as ballot (video_id, voter)
         join votes v using (video_id, voter)",
    )
    .bind(videos)
    .bind(voters)
    .fetch_all(connection)
    .await?;
    for row in rows {
        let ballot = (VideoId(row.try_get("video_id")?), AccountId(row.try_get("voter")?));
        let vote =
            Vote { event_id: EventId(row.try_get("event_id")?), at: row.try_get("cast_at")? };
        contest.votes.insert(ballot, vote);
    }
    Ok(())
}

async fn rejections(
    connection: &mut PgConnection,
    keys: &Keys,
    contest: &mut Contest,
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = keys.events.iter().map(|event| event.0).collect();
    let rows = sqlx::query(
        "select event_id, reason, votes, rejected_at from rejections where event_id = any($1)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    for row in rows {
        let votes: Option<i64> = row.try_get("votes")?;
        let votes = votes.and_then(|votes| u64::try_from(votes).ok());
        let rejection = Rejection::from_code(row.try_get("reason")?, votes)
            .ok_or_else(|| rows::broken("reason"))?;
        let at = row.try_get("rejected_at")?;
        contest.rejections.insert(EventId(row.try_get("event_id")?), (rejection, at));
    }
    Ok(())
}
