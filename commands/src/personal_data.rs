//! The table of personal data: written before the event, the only place that knows a name.

use domain::{AccountId, EventId};
use sqlx::PgPool;

/// One person.
pub(crate) struct Person<'a> {
    pub(crate) account: AccountId,
    pub(crate) event: EventId,
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
    pub(crate) email: &'a str,
    pub(crate) password_hash: &'a str,
}

/// Somebody who does not exist, for a contest that is only measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invented {
    /// The account.
    pub account: AccountId,
    /// Its registration.
    pub event: EventId,
    /// A first name.
    pub first_name: String,
    /// A last name.
    pub last_name: String,
    /// An address at which nobody gets mail.
    pub email: String,
}

/// What is known of a person.
pub(crate) struct Known {
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) password_hash: String,
}

/// Writes a person down, and says whether that was news: a row that an earlier try has written stays
/// as it is.
pub(crate) async fn insert(pool: &PgPool, person: &Person<'_>) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(person.account.0)
    .bind(person.event.0)
    .bind(person.first_name)
    .bind(person.last_name)
    .bind(person.email)
    .bind(person.password_hash)
    .execute(pool)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes down invented people, as signing up would. None of them can ever sign in: their password
/// has no hash.
///
/// # Errors
/// If the database cannot be written.
pub async fn introduce(pool: &PgPool, people: &[Invented]) -> Result<(), sqlx::Error> {
    if people.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         select account, event, first_name, last_name, email, ''
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
             as person (account, event, first_name, last_name, email)
         on conflict do nothing",
    )
    .bind(people.iter().map(|person| person.account.0).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.event.0).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.first_name.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.last_name.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.email.as_str()).collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(())
}

/// The person behind an account, unless they have left.
pub(crate) async fn find(pool: &PgPool, account: AccountId) -> Result<Option<Known>, sqlx::Error> {
    let row: Option<(String, String, String, String)> = sqlx::query_as(
        "select first_name, last_name, email, password_hash from visible_persons where account_id = $1",
    )
    .bind(account.0)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|(first_name, last_name, email, password_hash)| Known {
        first_name,
        last_name,
        email,
        password_hash,
    }))
}

pub(crate) async fn forget(pool: &PgPool, account: AccountId) -> Result<(), sqlx::Error> {
    sqlx::query("delete from personal_data where account_id = $1")
        .bind(account.0)
        .execute(pool)
        .await?;
    Ok(())
}

/// Removes the rows of registrations that the fold rejected: their request died before it could.
pub(crate) async fn sweep_rejected(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let result = sqlx::query(
        "delete from personal_data p using rejections r
         where r.event_id = p.event_id and not exists (
             select from accounts a where a.account_id = p.account_id
         )",
    )
    .execute(pool)
    .await?;
    Ok(result.rows_affected())
}

/// Removes the rows of people whose accounts were erased: their request died before it could.
pub(crate) async fn sweep_erased(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let result = sqlx::query(
        "delete from personal_data p using accounts a
         where a.account_id = p.account_id and a.erased_by is not null",
    )
    .execute(pool)
    .await?;
    Ok(result.rows_affected())
}
