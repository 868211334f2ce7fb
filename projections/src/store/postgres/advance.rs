//! What every batch writes, in one statement: on a busy machine each round trip costs more than the
//! work that it asks for.

use domain::{Video, VideoId};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{Tenure, from_sqlx};
use crate::store::{Batch, StoreError};
use infra::database::{to_bigint, to_int};

/// Moves the checkpoints, each only from where this owner left it, and only while its generation is
/// still what it takes it for; and writes the votes and the counts
/// of videos that were only voted for, unless a checkpoint did not move.
///
/// A batch that touches artists also takes its turn at the ranking here: until the transaction ends,
/// nobody else makes a generation. Returns the one before.
pub(super) async fn advance(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    tenure: Tenure,
) -> Result<Option<i64>, StoreError> {
    let advances = batch.advances;
    let counted = counted(batch);
    let votes = batch.changes.votes.iter();
    let votes: Vec<_> = votes.filter_map(|key| batch.contest.votes.get_key_value(key)).collect();
    let row = sqlx::query(ADVANCE)
        .bind(advances.iter().map(|a| to_int(a.partition)).collect::<Vec<_>>())
        .bind(advances.iter().map(|a| to_bigint(a.from)).collect::<Vec<_>>())
        .bind(advances.iter().map(|a| to_bigint(a.to)).collect::<Vec<_>>())
        .bind(counted.iter().map(|(id, _)| id.0).collect::<Vec<Uuid>>())
        .bind(counted.iter().map(|(_, v)| to_bigint(v.votes)).collect::<Vec<_>>())
        .bind(counted.iter().map(|(_, v)| v.last_vote_at).collect::<Vec<_>>())
        .bind(votes.iter().map(|((video, _), _)| video.0).collect::<Vec<_>>())
        .bind(votes.iter().map(|((_, voter), _)| voter.0).collect::<Vec<_>>())
        .bind(votes.iter().map(|(_, vote)| vote.event_id.0).collect::<Vec<_>>())
        .bind(votes.iter().map(|(_, vote)| vote.at).collect::<Vec<_>>())
        .bind(!batch.changes.artists.is_empty())
        .bind(tenure.generation)
        .bind(tenure.writes.code())
        .fetch_one(connection)
        .await
        .map_err(from_sqlx)?;
    let moved: Vec<i32> = row.try_get("moved").map_err(from_sqlx)?;
    match advances.iter().find(|a| !moved.contains(&to_int(a.partition))) {
        Some(lost) => Err(StoreError::LostOwnership(lost.partition)),
        None => row.try_get("generation").map_err(from_sqlx),
    }
}

const ADVANCE: &str = "
    with moved as (
        update checkpoints c set next_offset = a.next
        from unnest($1::int[], $2::bigint[], $3::bigint[]) as a (partition, previous, next)
        where c.partition = a.partition and c.next_offset = a.previous
          and exists (select from generations where number = $12 and state = $13)
        returning c.partition
    ), owned as (
        select count(*) = cardinality($1) as still from moved
    ), counted as (
        update videos v set votes = c.votes, last_vote_at = c.last_vote_at
        from unnest($4::uuid[], $5::bigint[], $6::timestamptz[]) as c (id, votes, last_vote_at)
        where v.video_id = c.id and (select still from owned)
    ), voted as (
        insert into votes (video_id, voter, event_id, cast_at)
        select * from unnest($7::uuid[], $8::uuid[], $9::uuid[], $10::timestamptz[])
        where (select still from owned)
    ), head as (
        select generation from ranking_head where $11 for update
    )
    select coalesce((select array_agg(partition) from moved), '{}') as moved,
           (select generation from head) as generation";

fn counted<'a>(batch: &Batch<'a>) -> Vec<(VideoId, &'a Video)> {
    let contest = batch.contest;
    let counted = batch.changes.videos.difference(&batch.changes.status_changed);
    counted.filter_map(|id| Some((*id, contest.videos.get(id)?))).collect()
}
