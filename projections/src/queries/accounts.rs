//! People.

use std::collections::HashMap;

use domain::AccountId;
use uuid::Uuid;

use super::{Queries, QueryError};

/// What stands in place of the name of a person who has been forgotten.
pub const NEUTRAL_NAME: &str = "Artista anónimo";

/// A person's name as pages show it; neutral if nobody knows it any more.
pub fn display_name(first: Option<String>, last: Option<String>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!("{first} {last}"),
        _ => NEUTRAL_NAME.to_owned(),
    }
}

impl Queries {
    /// Whether the person behind an account is known: signed up, and not erased.
    ///
    /// Rests on `personal_data`, not on the read model: a rebuild must not turn everybody away. Many who
    /// are asked for at once are looked for with one query.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn person_exists(&self, account: AccountId) -> Result<bool, QueryError> {
        let known = self.persons.load(account, |accounts| self.visible_among(accounts)).await?;
        Ok(known.is_some())
    }

    async fn visible_among(
        &self,
        accounts: Vec<AccountId>,
    ) -> Result<HashMap<AccountId, ()>, QueryError> {
        let ids: Vec<Uuid> = accounts.into_iter().map(|account| account.0).collect();
        let sql = "select account_id from visible_persons where account_id = any($1)";
        let found: Vec<Uuid> = sqlx::query_scalar(sql).bind(ids).fetch_all(&self.pool).await?;
        Ok(found.into_iter().map(|id| (AccountId(id), ())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_person_has_a_neutral_name() {
        assert_eq!(display_name(Some("Ana".into()), Some("Díaz".into())), "Ana Díaz");
        assert_eq!(display_name(None, None), NEUTRAL_NAME);
    }
}
