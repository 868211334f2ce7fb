//! Erased accounts.

use domain::{AccountId, EmailKey, EventId, Timestamp};
use infra::database::Pool;

use crate::query_error::QueryError;

/// An erasure that took effect. It holds nothing about the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedAccountRow {
    /// The account.
    pub account: AccountId,
    /// The pseudonym of the address that it had.
    pub email: EmailKey,
    /// The event.
    pub event_id: EventId,
    /// When the event was appended.
    pub at: Timestamp,
}

/// All erasures that took effect, the oldest first.
///
/// # Errors
/// [`QueryError`] if the database gives no answer, or has a row that is none of ours.
pub async fn erased_accounts(pool: &Pool) -> Result<Vec<ErasedAccountRow>, QueryError> {
    let rows = sqlx::query!(
        r#"select account_id, email_key, erased_by as "erased_by!", erased_at as "erased_at!"
         from accounts where erased_by is not null order by erased_at, account_id"#,
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| {
        Ok(ErasedAccountRow {
            account: AccountId(row.account_id),
            email: EmailKey::parse(&row.email_key)
                .ok_or_else(|| sqlx::Error::Decode("accounts.email_key is no pseudonym".into()))?,
            event_id: EventId(row.erased_by),
            at: row.erased_at,
        })
    });
    rows.collect()
}
