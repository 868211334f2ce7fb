//! Operators.

use domain::{AccountId, Timestamp};
use infra::database::Pool;

use super::display_name::display_name;
use super::handle::Queries;
use crate::query_error::QueryError;

/// A person who may see the state of the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Their account.
    pub account: AccountId,
    /// Their name.
    pub name: String,
    /// Their email address, unless it was just erased.
    pub email: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// All operators, the longest-serving first.
///
/// # Errors
/// [`QueryError`] if the database gives no answer.
pub async fn operators(pool: &Pool) -> Result<Vec<Operator>, QueryError> {
    let rows = sqlx::query!(
        r#"select account_id, first_name as "first_name?", last_name as "last_name?",
                  email as "email?", granted_at
         from operator_terms join accounts using (account_id)
         left join visible_persons using (account_id)
         where ended_by is null and erased_by is null order by granted_at, account_id"#,
    )
    .fetch_all(pool)
    .await?;
    let operators = rows.into_iter().map(|row| Operator {
        account: AccountId(row.account_id),
        name: display_name(row.first_name, row.last_name),
        email: row.email,
        since: row.granted_at,
    });
    Ok(operators.collect())
}

impl Queries {
    /// Whether an account is an operator's now. Not cached: there are few operators, and a revoked role
    /// must end at once.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn is_operator(&self, account: AccountId) -> Result<bool, QueryError> {
        let is_operator = sqlx::query_scalar!(
            r#"select exists (
                 select from operator_terms join accounts using (account_id)
                 where account_id = $1 and ended_by is null and erased_by is null
             ) as "is_operator!""#,
            account.0,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(is_operator)
    }
}
