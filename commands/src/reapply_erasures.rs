//! Erasing people again after a restore: a backup from before their erasure knows them still.

use std::collections::HashSet;

use domain::event::Erased;
use domain::{AccountEvent, AccountId, EmailKey, Event, EventId};
use infra::database::Pool;
use infra::event_log::EventLog;
use infra::event_log::envelope::Envelope;

use crate::error::CommandError;
use crate::personal_data;

/// Erasures per append.
const CHUNK: usize = 1_000;

/// An erasure that took effect before the restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownErasure {
    /// The erased account.
    pub account: AccountId,
    /// The pseudonym of the address that it had.
    pub email: EmailKey,
    /// The event.
    pub event_id: EventId,
}

/// What an erasure after a restore changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReappliedErasures {
    /// Erasures that the restored log did not know.
    pub appended: u64,
    /// Rows of personal data that were deleted.
    pub personal_data: u64,
}

/// Appends the erasures that the log lacks, under their own event ids, and deletes the personal data of
/// all of them. It may be repeated. Once a projector has folded the events, the sweep removes the rest.
///
/// `in_log` holds the ids of the erasures that the log has.
///
/// # Errors
/// [`CommandError`] if the log or the database is unavailable. Then repeat it.
pub async fn reapply_erasures(
    log: &dyn EventLog,
    pool: &Pool,
    erasures: &[KnownErasure],
    in_log: &HashSet<EventId>,
) -> Result<ReappliedErasures, CommandError> {
    let mut done = ReappliedErasures::default();
    // First the rows, so that nobody finds a person whom the log does not know as erased yet.
    for erasure in erasures {
        done.personal_data += u64::from(personal_data::delete(pool, erasure.account).await?);
    }
    let lacking: Vec<_> =
        erasures.iter().filter(|erasure| !in_log.contains(&erasure.event_id)).collect();
    for chunk in lacking.chunks(CHUNK) {
        let records: Result<Vec<_>, _> =
            chunk.iter().map(|erasure| envelope(erasure).into_record()).collect();
        for appended in log.append(records.map_err(CommandError::internal)?).await {
            appended?;
            done.appended += 1;
        }
    }
    Ok(done)
}

fn envelope(erasure: &KnownErasure) -> Envelope {
    let KnownErasure { account, email, event_id } = erasure.clone();
    let event = Event::Account(email, AccountEvent::Erased(Erased { account_id: account }));
    let mut envelope = Envelope::new(event_id, event);
    envelope.actor = Some(account);
    envelope
}
