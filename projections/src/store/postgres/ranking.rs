//! The precomputed ranking: one row per artist, recomputed for the artists that a batch touched.

use domain::Changes;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::changes;

/// Recomputes the standings of the artists that a batch touched; returns the new generation if any
/// row changed.
///
/// The score is a function of the artist's account and videos alone (`domain::ranking::standing`),
/// so whichever partition is folded last completes the row. The lock on `ranking_head` makes the
/// projectors of different partitions take turns here: each one sees what the one before it has
/// committed, and generations grow in commit order.
pub(super) async fn update(
    connection: &mut PgConnection,
    changes: &Changes,
) -> Result<Option<u64>, sqlx::Error> {
    if changes.artists.is_empty() {
        return Ok(None);
    }
    let artists: Vec<Uuid> = changes.artists.iter().map(|artist| artist.0).collect();
    let next = changes::current(connection).await? + 1;
    let mut changed = upsert(connection, &artists, next).await?;
    // A vote takes nobody off the boards.
    if !changes.stages.is_empty() {
        changed += retire(connection, &artists, next).await?;
    }
    if changed == 0 {
        return Ok(None);
    }
    changes::publish(connection, next, &artists).await?;
    Ok(u64::try_from(next).ok())
}

async fn upsert(
    connection: &mut PgConnection,
    artists: &[Uuid],
    generation: i64,
) -> Result<u64, sqlx::Error> {
    let result = sqlx::query(
        "insert into ranking
             (artist_id, votes, reached_at, city, country, city_key, country_key, generation)
         select a.account_id, score.votes, score.reached_at,
                a.city, a.country, a.city_key, a.country_key, $2
         from (
             select v.owner, sum(v.votes)::bigint as votes,
                    coalesce(max(v.last_vote_at), min(v.ended_at)) as reached_at
             from videos v where v.owner = any($1) and v.status = 'processed'
             group by v.owner
         ) score
         join accounts a on a.account_id = score.owner
         on conflict (artist_id) do update
             set votes = excluded.votes, reached_at = excluded.reached_at,
                 generation = excluded.generation
             where (ranking.votes, ranking.reached_at)
                 is distinct from (excluded.votes, excluded.reached_at)",
    )
    .bind(artists)
    .bind(generation)
    .execute(connection)
    .await?;
    Ok(result.rows_affected())
}

/// Takes artists without a published video off the boards.
async fn retire(
    connection: &mut PgConnection,
    artists: &[Uuid],
    generation: i64,
) -> Result<u64, sqlx::Error> {
    let result = sqlx::query(
        "update ranking set votes = null, reached_at = null, generation = $2
         where artist_id = any($1) and votes is not null and not exists (
             select from videos v where v.owner = ranking.artist_id and v.status = 'processed'
         )",
    )
    .bind(artists)
    .bind(generation)
    .execute(connection)
    .await?;
    Ok(result.rows_affected())
}
