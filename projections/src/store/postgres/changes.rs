//! The trail of the ranking's generations, for those who keep boards in memory.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

/// So many generations are kept. A reader that falls behind further reads the whole ranking.
const KEPT: i64 = 1_000;

/// The newest generation. Until this transaction ends, nobody else makes one.
pub(super) async fn current(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select generation from ranking_head for update").fetch_one(connection).await
}

/// Makes `generation` the newest one: it has touched `artists`, if not all of them have changed.
pub(super) async fn publish(
    connection: &mut PgConnection,
    generation: i64,
    artists: &[Uuid],
) -> Result<(), sqlx::Error> {
    // Deleted by its number, not by a range: that would search all that is not vacuumed yet.
    sqlx::query(
        "with head as (update ranking_head set generation = $1),
              past as (delete from ranking_changes where generation = $1 - $3)
         insert into ranking_changes (generation, artists) values ($1, $2)
         on conflict (generation) do update set mark = gen_random_uuid(), artists = excluded.artists",
    )
    .bind(generation)
    .bind(artists)
    .bind(KEPT)
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
    publish(connection, generation, &[]).await
}
