//! The table `personal_data`: the only place that holds names, addresses and password hashes. Rows are
//! written before the event of their account.

use domain::{AccountId, EventId};
use infra::database::Pool;

/// A row to insert.
pub(crate) struct NewPerson<'a> {
    pub(crate) account: AccountId,
    pub(crate) event_id: EventId,
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
    pub(crate) email: &'a str,
    pub(crate) password_hash: &'a str,
}

/// The personal data of an account.
pub(crate) struct Person {
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) password_hash: String,
}

/// Inserts a row. Returns whether it is new; the row of an earlier try stays unchanged.
pub(crate) async fn insert(pool: &Pool, person: &NewPerson<'_>) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        person.account.0,
        person.event_id.0,
        person.first_name,
        person.last_name,
        person.email,
        person.password_hash,
    )
    .execute(pool)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The personal data of an account, unless the account is erased.
pub(crate) async fn find(pool: &Pool, account: AccountId) -> Result<Option<Person>, sqlx::Error> {
    // The columns of a view count as nullable; those of `personal_data` are not.
    sqlx::query_as!(
        Person,
        r#"select first_name as "first_name!", last_name as "last_name!", email as "email!",
                  password_hash as "password_hash!"
         from visible_persons where account_id = $1"#,
        account.0,
    )
    .fetch_optional(pool)
    .await
}

pub(crate) async fn delete(pool: &Pool, account: AccountId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from personal_data where account_id = $1", account.0)
        .execute(pool)
        .await?;
    Ok(())
}

/// Removes the rows of rejected registrations whose request ended before it could do so.
pub(crate) async fn sweep_rejected(pool: &Pool) -> Result<u64, sqlx::Error> {
    let result = sqlx::query!(
        "delete from personal_data p using rejections r
         where r.event_id = p.event_id and not exists (
             select from accounts a where a.account_id = p.account_id
         )",
    )
    .execute(pool)
    .await?;
    Ok(result.rows_affected())
}

/// Removes the rows of erased accounts whose request ended before it could do so.
pub(crate) async fn sweep_erased(pool: &Pool) -> Result<u64, sqlx::Error> {
    let result = sqlx::query!(
        "delete from personal_data p using accounts a
         where a.account_id = p.account_id and a.erased_by is not null",
    )
    .execute(pool)
    .await?;
    Ok(result.rows_affected())
}
