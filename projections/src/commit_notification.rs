//! The message that tells all processes what a projector has committed.

use domain::Position;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;

/// The channel of the live generation.
pub(crate) const CHANNEL: &str = "anb_projection";
/// The channel of a generation that is being built. No process listens to it.
pub(crate) const BUILDING_CHANNEL: &str = "anb_building";

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
        for new in later.checkpoints {
            self.checkpoints.retain(|old| old.partition != new.partition);
            self.checkpoints.push(new);
        }
        self.checkpoints.sort_unstable();
    }

    /// Sends the notification when the transaction commits.
    pub(crate) async fn send(
        &self,
        connection: &mut PgConnection,
        channel: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query!("select pg_notify($1, $2)", channel, self.payload()?)
            .execute(connection)
            .await?;
        Ok(())
    }

    pub(crate) fn payload(&self) -> Result<String, sqlx::Error> {
        serde_json::to_string(self).map_err(|error| sqlx::Error::Encode(error.into()))
    }
}
