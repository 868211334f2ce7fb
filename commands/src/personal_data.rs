//! The table `personal_data`: the only place that holds names, addresses and password hashes. Rows are
//! written before the event of their account.

use std::time::Duration;

use domain::{AccountId, EventId};
use infra::database::Pool;
use uuid::Uuid;

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

/// A row whose account the sweep has not seen yet.
pub(crate) struct UnregisteredPerson {
    pub(crate) account: AccountId,
    pub(crate) event_id: EventId,
    /// Whether the grace of the sweep is over.
    pub(crate) old: bool,
}

/// Inserts a row. Returns whether it is new. The row of an earlier try keeps its content, but its grace
/// restarts: the sweep must not remove it before the event of this try is folded.
pub(crate) async fn insert(pool: &Pool, person: &NewPerson<'_>) -> Result<bool, sqlx::Error> {
    let is_new = sqlx::query_scalar!(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (account_id) do update set created_at = now()
             where not personal_data.registered
         -- A row that was updated has the number of the transaction that replaced it.
         returning xmax = 0 as \"is_new!\"",
        person.account.0,
        person.event_id.0,
        person.first_name,
        person.last_name,
        person.email,
        person.password_hash,
    )
    .fetch_optional(pool)
    .await?;
    Ok(is_new == Some(true))
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

/// Deletes a row. Returns whether there was one.
pub(crate) async fn delete(pool: &Pool, account: AccountId) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!("delete from personal_data where account_id = $1", account.0)
        .execute(pool)
        .await?;
    Ok(deleted.rows_affected() > 0)
}

/// Removes the rows of rejected registrations whose request ended before it could do so.
pub(crate) async fn sweep_rejected(pool: &Pool) -> Result<u64, sqlx::Error> {
    let result = sqlx::query!(
        "delete from personal_data p using rejections r
         where not p.registered and r.event_id = p.event_id and not exists (
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

/// The next rows whose account the sweep has not seen yet, at most `most`, by account.
pub(crate) async fn unregistered(
    pool: &Pool,
    after: Option<AccountId>,
    most: usize,
    grace: Duration,
) -> Result<Vec<UnregisteredPerson>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select account_id, event_id,
                  created_at <= now() - make_interval(secs => $3) as "old!"
         from personal_data
         where not registered and ($1::uuid is null or account_id > $1)
         order by account_id limit $2"#,
        after.map(|account| account.0),
        most as i64,
        grace.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    let person = rows.into_iter().map(|row| UnregisteredPerson {
        account: AccountId(row.account_id),
        event_id: EventId(row.event_id),
        old: row.old,
    });
    Ok(person.collect())
}

/// Marks the persons whose account the read models have.
pub(crate) async fn mark_registered(
    pool: &Pool,
    persons: &[UnregisteredPerson],
) -> Result<(), sqlx::Error> {
    let accounts: Vec<Uuid> = persons.iter().map(|person| person.account.0).collect();
    sqlx::query!(
        "update personal_data p set registered = true from accounts a
         where p.account_id = any($1) and a.account_id = p.account_id",
        &accounts,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Deletes the rows of accounts that the log does not register. A row that a retry has touched meanwhile
/// stays.
pub(crate) async fn delete_unregistered(
    pool: &Pool,
    accounts: &[AccountId],
    grace: Duration,
) -> Result<u64, sqlx::Error> {
    let accounts: Vec<Uuid> = accounts.iter().map(|account| account.0).collect();
    let deleted = sqlx::query!(
        "delete from personal_data where account_id = any($1) and not registered
         and created_at <= now() - make_interval(secs => $2)",
        &accounts,
        grace.as_secs_f64(),
    );
    Ok(deleted.execute(pool).await?.rows_affected())
}
