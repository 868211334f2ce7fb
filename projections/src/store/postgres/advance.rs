//! The one statement that every batch executes: a round trip costs more than the work in it.

use domain::{Timestamp, Video, VideoId};
use infra::database::{to_bigint, to_int};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::ownership::Ownership;
use crate::store::{Batch, StoreError};

/// Moves the checkpoints, and writes votes and the counts of videos that were only voted for.
///
/// A checkpoint moves only from where this owner left it, and only while its generation has the expected
/// state. If one checkpoint does not move, nothing is written.
///
/// A batch that changes standings also locks the head of the ranking. Until the transaction ends, no other
/// projector makes a revision. Returns the newest revision then.
pub(super) async fn advance(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    ownership: Ownership,
) -> Result<Option<i64>, StoreError> {
    let advances = batch.advances;
    let counted = counted(batch);
    let last_vote_at: Vec<_> = counted.iter().map(|(_, video)| video.last_vote_at).collect();
    let votes = batch.changes.votes.iter();
    let votes: Vec<_> = votes.filter_map(|key| batch.contest.votes.get_key_value(key)).collect();
    let row = sqlx::query!(
        r#"with moved as (
            update checkpoints c set next_offset = a.next, identified_offset = a.next,
                log_identity = $14, last_record = a.last
            from unnest($1::int[], $2::bigint[], $3::bigint[], $15::uuid[])
                as a (partition, previous, next, last)
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
        select coalesce((select array_agg(partition) from moved), '{}') as "moved!",
               (select generation from head) as ranking_revision"#,
        &advances.iter().map(|a| to_int(a.partition)).collect::<Vec<_>>(),
        &advances.iter().map(|a| to_bigint(a.from)).collect::<Vec<_>>(),
        &advances.iter().map(|a| to_bigint(a.to)).collect::<Vec<_>>(),
        &counted.iter().map(|(id, _)| id.0).collect::<Vec<Uuid>>(),
        &counted.iter().map(|(_, video)| to_bigint(video.votes)).collect::<Vec<_>>(),
        &last_vote_at as &[Option<Timestamp>],
        &votes.iter().map(|((video, _), _)| video.0).collect::<Vec<_>>(),
        &votes.iter().map(|((_, voter), _)| voter.0).collect::<Vec<_>>(),
        &votes.iter().map(|(_, vote)| vote.event_id.0).collect::<Vec<_>>(),
        &votes.iter().map(|(_, vote)| vote.at).collect::<Vec<_>>(),
        !batch.changes.artists.is_empty(),
        ownership.generation,
        ownership.writes.code(),
        batch.log.as_str(),
        &advances.iter().map(|a| a.last).collect::<Vec<_>>(),
    )
    .fetch_one(connection)
    .await?;
    match advances.iter().find(|a| !row.moved.contains(&to_int(a.partition))) {
        Some(lost) => Err(StoreError::LostOwnership(lost.partition)),
        None => Ok(row.ranking_revision),
    }
}

fn counted<'a>(batch: &Batch<'a>) -> Vec<(VideoId, &'a Video)> {
    let contest = batch.contest;
    let counted = batch.changes.videos.difference(&batch.changes.status_changed);
    counted.filter_map(|id| Some((*id, contest.videos.get(id)?))).collect()
}
