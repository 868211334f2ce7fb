//! The precomputed ranking: one row per artist, recomputed for the artists that a batch touched, and
//! the trail of its generations, for those who keep boards in memory.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::progress::{CHANNEL, Progress};

/// So many generations are kept in the trail. A reader that falls behind further reads the whole
/// ranking.
const KEPT: i64 = 1_000;

/// The newest generation. Until this transaction ends, nobody else makes one.
pub(crate) async fn current(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select generation from ranking_head for update").fetch_one(connection).await
}

/// Recomputes the standings of these artists, makes `generation` the newest one, and tells everybody
/// about it and what else `progress` says, once the transaction has committed.
///
/// The score is a function of the artist's account and videos alone (`domain::ranking::standing`),
/// so whichever partition is folded last completes the row. The lock on `ranking_head` makes the
/// projectors of different partitions take turns here: each one sees what the one before it has
/// committed, and generations grow in commit order. It must have been taken by a statement before
/// this one, which would not see that otherwise.
pub(super) async fn publish(
    connection: &mut PgConnection,
    generation: i64,
    artists: &[Uuid],
    progress: Progress,
    channel: &str,
) -> Result<(), sqlx::Error> {
    let progress = Progress { generation: u64::try_from(generation).ok(), ..progress };
    sqlx::query(PUBLISH)
        .bind(generation)
        .bind(artists)
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
    ), head as (
        update ranking_head set generation = $1
    ), past as (
        delete from ranking_changes where generation = $1 - $3
    ), trail as (
        insert into ranking_changes (generation, artists) values ($1, $2)
        on conflict (generation) do update set mark = gen_random_uuid(), artists = excluded.artists
    )
    select pg_notify($4, $5)";

/// Takes artists without a published video off the boards. A vote never does that.
pub(super) async fn retire(
    connection: &mut PgConnection,
    artists: &[Uuid],
    generation: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ranking set votes = null, reached_at = null, generation = $2
         where artist_id = any($1) and votes is not null and not exists (
             select from videos v where v.owner = ranking.artist_id and v.status = 'processed'
         )",
    )
    .bind(artists)
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
    publish(connection, generation, &[], Progress::default(), CHANNEL).await
}
