//! The ranking table: one row per artist, and the trail of its revisions for boards in memory.
//!
//! The column of the revision is called `generation`, as older versions read it.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountId, Timestamp};
use infra::database::to_bigint;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::commit_notification::{self, CommitNotification};
use crate::store::Batch;

/// Revisions that the trail keeps. A reader that is further behind reads the whole ranking.
const TRAIL_LENGTH: i64 = 1_000;

/// The artists whose standing a batch changes.
pub(super) struct AffectedArtists {
    /// Their account changed, or the state of one of their videos: their votes are counted again.
    recounted: BTreeSet<AccountId>,
    /// Artists who only got votes: how many, and the time of the last.
    voted: BTreeMap<AccountId, (u64, Timestamp)>,
}

impl AffectedArtists {
    pub(super) fn by(batch: &Batch<'_>) -> Self {
        let (contest, changes) = (batch.contest, batch.changes);
        let mut recounted: BTreeSet<AccountId> = changes.erased.iter().map(|key| key.1).collect();
        recounted.extend(changes.accounts.iter().filter_map(|e| Some(contest.accounts.get(e)?.id)));
        recounted.extend(
            changes.status_changed.iter().filter_map(|v| Some(contest.videos.get(v)?.owner)),
        );
        recounted.retain(|artist| changes.artists.contains(artist));
        let mut voted = BTreeMap::new();
        for ballot in &changes.votes {
            let Some(video) = contest.videos.get(&ballot.0) else { continue };
            let Some(vote) = contest.votes.get(ballot) else { continue };
            if recounted.contains(&video.owner) {
                continue;
            }
            let (votes, last) = voted.entry(video.owner).or_insert((0, vote.at));
            *votes += 1;
            *last = vote.at.max(*last);
        }
        Self { recounted, voted }
    }

    fn recounted(&self) -> Vec<Uuid> {
        self.recounted.iter().map(|artist| artist.0).collect()
    }

    fn all(&self) -> Vec<Uuid> {
        self.recounted.iter().chain(self.voted.keys()).map(|artist| artist.0).collect()
    }
}

/// Updates the standings, makes `ranking_revision` the newest one, and sends the notification when the
/// transaction commits.
///
/// The score is a function of the artist's account and videos (`domain::ranking::standing`), so the
/// partition that is folded last completes the row. The lock on `ranking_head` serialises projectors of
/// different partitions, so revisions grow in commit order. An earlier statement must have taken that
/// lock, because this one would not see what others committed while it waited.
///
/// Votes are added to the row, which costs half of a recount. An artist without a row is not registered
/// yet; the registration recounts them.
pub(super) async fn publish(
    connection: &mut PgConnection,
    ranking_revision: i64,
    affected: &AffectedArtists,
    notification: CommitNotification,
    channel: &str,
) -> Result<(), sqlx::Error> {
    let revision = u64::try_from(ranking_revision).ok();
    let notification = CommitNotification { ranking_revision: revision, ..notification };
    let (first, rest) = notification.split();
    let voted = &affected.voted;
    // Delete by equality: a range would scan dead rows.
    sqlx::query!(
        "with standings as (
            insert into ranking
                (artist_id, votes, reached_at, city, country, city_key, country_key, generation)
            select a.account_id, score.votes, score.reached_at,
                   a.city, a.country, a.city_key, a.country_key, $1
            from (
                select v.owner, sum(v.votes)::bigint as votes,
                       coalesce(max(v.last_vote_at), min(v.ended_at)) as reached_at
                from videos v where v.owner = any($2) and v.status = 'processed'
                group by v.owner
            ) score
            join accounts a on a.account_id = score.owner
            on conflict (artist_id) do update
                set votes = excluded.votes, reached_at = excluded.reached_at,
                    generation = excluded.generation
                where (ranking.votes, ranking.reached_at)
                    is distinct from (excluded.votes, excluded.reached_at)
        ), voted as (
            update ranking r
            set votes = r.votes + v.votes, generation = $1,
                reached_at = case when r.votes = 0 then v.last else greatest(r.reached_at, v.last) end
            from unnest($3::uuid[], $4::bigint[], $5::timestamptz[]) as v (artist_id, votes, last)
            where r.artist_id = v.artist_id
        ), head as (
            update ranking_head set generation = $1
        ), past as (
            delete from ranking_changes where generation = $1 - $7::bigint
        ), trail as (
            insert into ranking_changes (generation, artists) values ($1, $6)
            on conflict (generation) do update set mark = gen_random_uuid(), artists = excluded.artists
        )
        select pg_notify($8, $9)",
        ranking_revision,
        &affected.recounted(),
        &voted.keys().map(|artist| artist.0).collect::<Vec<_>>(),
        &voted.values().map(|(votes, _)| to_bigint(*votes)).collect::<Vec<_>>(),
        &voted.values().map(|(_, last)| *last).collect::<Vec<_>>(),
        &affected.all(),
        TRAIL_LENGTH,
        channel,
        first.payload()?,
    )
    .execute(&mut *connection)
    .await?;
    commit_notification::send_parts(connection, &rest, channel).await
}

/// Removes artists without a published video from the boards. A vote never causes that.
pub(super) async fn remove_unpublished(
    connection: &mut PgConnection,
    ranking_revision: i64,
    affected: &AffectedArtists,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update ranking set votes = null, reached_at = null, generation = $2
         where artist_id = any($1) and votes is not null and not exists (
             select from videos v where v.owner = ranking.artist_id and v.status = 'processed'
         )",
        &affected.recounted(),
        ranking_revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}
