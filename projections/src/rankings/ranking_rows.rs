//! Reads of the ranking table: the whole ranking, or the changes since a revision.
//!
//! The columns are called `generation` and `mark`, as older versions read them.

use domain::ranking::Standing;
use domain::{AccountId, Timestamp};
use futures_util::TryStreamExt;
use infra::database::{Pool, from_bigint, to_bigint};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use crate::boards::{BoardsBuilder, Change};
use crate::query_error::QueryError;

/// A revision of the ranking: its number, and an id of its own. After a crash the same number may come
/// back with another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RevisionId {
    pub(super) ranking_revision: u64,
    id: Uuid,
}

/// The whole ranking as of one revision.
pub(super) struct WholeRanking {
    pub(super) ranking_revision: u64,
    /// `None` if the trail does not have the revision.
    pub(super) revision_id: Option<RevisionId>,
    pub(super) artists: BoardsBuilder,
}

/// The changes since a revision.
pub(super) struct ChangesSince {
    pub(super) revision_id: RevisionId,
    pub(super) changes: Vec<Change>,
}

/// Reads the whole ranking, in one statement and therefore one snapshot.
pub(super) async fn read_whole(pool: &Pool) -> Result<WholeRanking, QueryError> {
    let mut rows = sqlx::query(
        "select head.generation, c.mark, r.artist_id, r.votes, r.reached_at, r.city, r.country
         from ranking_head head
         left join ranking_changes c on c.generation = head.generation
         left join ranking r on r.votes is not null",
    )
    // Not prepared, and so not a checked macro: a plan made while the tables were empty would stay bad.
    .persistent(false)
    .fetch(pool);
    let mut whole: Option<WholeRanking> = None;
    while let Some(row) = rows.try_next().await? {
        let whole = match &mut whole {
            Some(whole) => whole,
            None => whole.insert(head(&row)?),
        };
        if let Some((standing, city, country)) = ranked(&row)? {
            whole.artists.add(standing, city, country);
        }
    }
    whole.ok_or_else(|| QueryError::broken("ranking_head is empty"))
}

fn head(row: &PgRow) -> Result<WholeRanking, QueryError> {
    let ranking_revision = from_bigint(row.try_get(0)?)?;
    let id: Option<Uuid> = row.try_get(1)?;
    let revision_id = id.map(|id| RevisionId { ranking_revision, id });
    Ok(WholeRanking { ranking_revision, revision_id, artists: BoardsBuilder::default() })
}

/// `None` for an artist who does not rank.
fn ranked(row: &PgRow) -> Result<Option<(Standing, &str, &str)>, QueryError> {
    let Some(votes) = row.try_get::<Option<i64>, _>(3)? else { return Ok(None) };
    let artist = AccountId(row.try_get(2)?);
    let reached_at: Timestamp = row.try_get(4)?;
    let standing = Standing { artist, votes: from_bigint(votes)?, reached_at };
    Ok(Some((standing, row.try_get(5)?, row.try_get(6)?)))
}

/// Reads what changed since `revision_id`. `None` if the trail does not reach back so far, or belongs to
/// another history: after a rebuild, a crash, or a projector that leaves no trail.
///
/// Every vote causes this statement, so its plan is made once; see [`crate::planner_settings`].
pub(super) async fn read_since(
    connection: &mut PgConnection,
    revision_id: RevisionId,
) -> Result<Option<ChangesSince>, QueryError> {
    let rows = sqlx::query!(
        r#"with trail as materialized (
            select generation, mark, artists from ranking_changes where generation >= $1
        ), head as materialized (
            select h.generation,
                   (select t.mark from trail t
                    where t.generation = h.generation
                      and h.generation - $1 + 1 = (select count(*) from trail)
                      and exists (select from trail f where f.generation = $1 and f.mark = $2)) as mark
            from ranking_head h
        ), touched as materialized (
            select distinct unnest(artists) as artist_id from trail where generation > $1
        )
        select head.generation as "ranking_revision!", head.mark, touched.artist_id,
               r.votes as "votes?", r.reached_at as "reached_at?", r.city as "city?",
               r.country as "country?"
        from head
        left join touched on true
        left join ranking r on r.artist_id = touched.artist_id"#,
        to_bigint(revision_id.ranking_revision),
        revision_id.id,
    )
    .fetch_all(connection)
    .await?;
    let Some(first) = rows.first() else {
        return Err(QueryError::broken("ranking_head is empty"));
    };
    let Some(id) = first.mark else { return Ok(None) };
    let ranking_revision = from_bigint(first.ranking_revision)?;
    let mut changes = Vec::new();
    for row in rows {
        // A single row without an artist says that nothing changed.
        let Some(artist) = row.artist_id.map(AccountId) else { continue };
        changes.push(match (row.votes, row.reached_at, row.city, row.country) {
            (Some(votes), Some(reached_at), Some(city), Some(country)) => {
                let standing = Standing { artist, votes: from_bigint(votes)?, reached_at };
                Change::Ranks { standing, city, country }
            }
            _ => Change::Leaves(artist),
        });
    }
    Ok(Some(ChangesSince { revision_id: RevisionId { ranking_revision, id }, changes }))
}
