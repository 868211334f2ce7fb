//! The precomputed ranking: one row per artist, kept up with what a batch has changed, and the trail of
//! its generations, for those who keep boards in memory.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountId, Timestamp};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::notifications::{CHANNEL, CommitNotification};
use crate::store::Batch;
use infra::database::to_bigint;

/// So many generations are kept in the trail. A reader that falls behind further reads the whole
/// ranking.
const KEPT: i64 = 1_000;

/// The newest generation. Until this transaction ends, nobody else makes one.
pub(crate) async fn current(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select generation from ranking_head for update").fetch_one(connection).await
}

/// The artists whose standing a batch changes.
#[derive(Default)]
pub(super) struct AffectedArtists {
    /// Their account or one of their videos has come to another stage: they are counted anew.
    recounted: BTreeSet<AccountId>,
    /// All that has happened to the others: so many votes, the last of them at that time.
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

/// Brings the standings up to date, makes `generation` the newest one, and tells everybody
/// about it and what else `progress` says, once the transaction has committed.
///
/// The score is a function of the artist's account and videos alone (`domain::ranking::standing`),
/// so whichever partition is folded last completes the row. The lock on `ranking_head` makes the
/// projectors of different partitions take turns here: each one sees what the one before it has
/// committed, and generations grow in commit order. It must have been taken by a statement before
/// this one, which would not see that otherwise.
///
/// Votes are added to what the row says, which costs half of counting anew. An artist without a row
/// is not registered yet, as far as anybody has folded; the registration counts them anew.
pub(super) async fn publish(
    connection: &mut PgConnection,
    generation: i64,
    touched: &AffectedArtists,
    progress: CommitNotification,
    channel: &str,
) -> Result<(), sqlx::Error> {
    let progress =
        CommitNotification { ranking_revision: u64::try_from(generation).ok(), ..progress };
    sqlx::query(PUBLISH)
        .bind(generation)
        .bind(touched.recounted())
        .bind(touched.voted.keys().map(|artist| artist.0).collect::<Vec<_>>())
        .bind(touched.voted.values().map(|(votes, _)| to_bigint(*votes)).collect::<Vec<_>>())
        .bind(touched.voted.values().map(|(_, last)| *last).collect::<Vec<_>>())
        .bind(touched.all())
        .bind(KEPT)
        .bind(channel)
        .bind(progress.payload()?)
        .execute(connection)
        .await?;
    Ok(())
}

/// The past is deleted by its number, not by a range: that would search all that is not vacuumed yet.
const PUBLISH: &str = "
    with standings as (
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
        delete from ranking_changes where generation = $1 - $7
    ), trail as (
        insert into ranking_changes (generation, artists) values ($1, $6)
        on conflict (generation) do update set mark = gen_random_uuid(), artists = excluded.artists
    )
    select pg_notify($8, $9)";

/// Takes artists without a published video off the boards. A vote never does that.
pub(super) async fn retire(
    connection: &mut PgConnection,
    generation: i64,
    touched: &AffectedArtists,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ranking set votes = null, reached_at = null, generation = $2
         where artist_id = any($1) and votes is not null and not exists (
             select from videos v where v.owner = ranking.artist_id and v.status = 'processed'
         )",
    )
    .bind(touched.recounted())
    .bind(generation)
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes `generation` the newest one, and the first of a new trail. It has touched nobody, but whoever
/// comes from an older one must read the whole ranking.
pub(super) async fn begin_anew(
    connection: &mut PgConnection,
    generation: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from ranking_changes").execute(&mut *connection).await?;
    publish(
        connection,
        generation,
        &AffectedArtists::default(),
        CommitNotification::default(),
        CHANNEL,
    )
    .await
}
