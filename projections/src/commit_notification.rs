//! The message that tells all processes what a projector has committed.

use std::collections::BTreeMap;

use domain::Position;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;

/// The channel of the live generation.
pub(crate) const CHANNEL: &str = "anb_projection";
/// The channel of a generation that is being built. No process listens to it.
pub(crate) const BUILDING_CHANNEL: &str = "anb_building";

/// Checkpoints in one notification. PostgreSQL takes payloads of less than 8,000 bytes, and a checkpoint
/// has at most 49 (`{"partition":1023,"offset":18446744073709551615},`).
const MAX_CHECKPOINTS: usize = 128;

/// What a committed batch changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitNotification {
    /// The new revision of the ranking, if it changed. Older versions call it `generation`.
    #[serde(rename = "generation")]
    pub(crate) ranking_revision: Option<u64>,
    /// The checkpoints that moved, at their new positions.
    pub(crate) checkpoints: Vec<Position>,
    /// Whether accounts were erased.
    #[serde(default)]
    pub(crate) erased: bool,
}

impl CommitNotification {
    /// Adds what a later notification says.
    pub(crate) fn merge(&mut self, later: Self) {
        self.ranking_revision = later.ranking_revision.or(self.ranking_revision);
        let all = self.checkpoints.drain(..).chain(later.checkpoints);
        let all: BTreeMap<u32, u64> = all.map(|at| (at.partition, at.offset)).collect();
        let position = |(partition, offset)| Position { partition, offset };
        self.checkpoints = all.into_iter().map(position).collect();
    }

    /// Splits it into notifications that each fit into one payload, and are sent in this order.
    ///
    /// The first one carries the revision and the erasure. A listener has then applied both before it
    /// delivers the verdict of any partition.
    pub(crate) fn split(self) -> (Self, Vec<Self>) {
        let mut chunks = self.checkpoints.chunks(MAX_CHECKPOINTS).map(<[Position]>::to_vec);
        let first = chunks.next().unwrap_or_default();
        let rest = chunks.map(|checkpoints| Self { checkpoints, ..Self::default() }).collect();
        (Self { checkpoints: first, ..self }, rest)
    }

    /// Sends the notification when the transaction commits, in parts if it is long.
    pub(crate) async fn send(
        self,
        connection: &mut PgConnection,
        channel: &str,
    ) -> Result<(), sqlx::Error> {
        let (first, rest) = self.split();
        sqlx::query!("select pg_notify($1, $2)", channel, first.payload()?)
            .execute(&mut *connection)
            .await?;
        send_parts(connection, &rest, channel).await
    }

    pub(crate) fn payload(&self) -> Result<String, sqlx::Error> {
        serde_json::to_string(self).map_err(|error| sqlx::Error::Encode(error.into()))
    }
}

/// Sends further parts of a notification after the first, when the transaction commits.
pub(crate) async fn send_parts(
    connection: &mut PgConnection,
    parts: &[CommitNotification],
    channel: &str,
) -> Result<(), sqlx::Error> {
    if parts.is_empty() {
        return Ok(());
    }
    let payloads: Vec<String> =
        parts.iter().map(CommitNotification::payload).collect::<Result<_, _>>()?;
    sqlx::query!("select pg_notify($1, p) from unnest($2::text[]) as p", channel, &payloads)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The limit of a payload in bytes, exclusive (`NOTIFY_PAYLOAD_MAX_LENGTH` in PostgreSQL).
    const PAYLOAD_LIMIT: usize = 8_000;

    fn notification() -> impl Strategy<Value = CommitNotification> {
        let checkpoints = prop::collection::btree_map(any::<u32>(), any::<u64>(), 0..1_100);
        (any::<Option<u64>>(), checkpoints, any::<bool>()).prop_map(
            |(ranking_revision, checkpoints, erased)| CommitNotification {
                ranking_revision,
                checkpoints: checkpoints
                    .into_iter()
                    .map(|(partition, offset)| Position { partition, offset })
                    .collect(),
                erased,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_parts_fit_and_make_up_the_whole(whole in notification()) {
            let (first, rest) = whole.clone().split();
            prop_assert_eq!(first.erased, whole.erased, "applied before any verdict");
            prop_assert_eq!(first.ranking_revision, whole.ranking_revision);
            prop_assert!(rest.iter().all(|part| !part.erased && part.ranking_revision.is_none()));
            let mut merged = CommitNotification { erased: whole.erased, ..Default::default() };
            for part in std::iter::once(first).chain(rest) {
                prop_assert!(part.payload().unwrap().len() < PAYLOAD_LIMIT);
                merged.merge(part);
            }
            prop_assert_eq!(merged, whole);
        }
    }

    #[test]
    fn the_longest_part_fits() {
        let longest = Position { partition: u32::MAX, offset: u64::MAX };
        let notification = CommitNotification {
            ranking_revision: Some(u64::MAX),
            checkpoints: vec![longest; MAX_CHECKPOINTS],
            erased: false,
        };
        assert!(notification.payload().unwrap().len() < PAYLOAD_LIMIT);
    }
}
