//! Whether persons exist.

use std::collections::HashMap;

use domain::AccountId;
use uuid::Uuid;

use super::handle::Queries;
use crate::query_error::QueryError;

impl Queries {
    /// Whether the person of an account signed up and was not erased.
    ///
    /// Reads `personal_data`, not the read model: during a rebuild the persons must still exist. Lookups
    /// that arrive together share one query.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn person_exists(&self, account: AccountId) -> Result<bool, QueryError> {
        let visible = self.persons.load(account, |accounts| self.visible_among(accounts)).await?;
        Ok(visible.is_some())
    }

    async fn visible_among(
        &self,
        accounts: Vec<AccountId>,
    ) -> Result<HashMap<AccountId, ()>, QueryError> {
        let ids: Vec<Uuid> = accounts.into_iter().map(|account| account.0).collect();
        let found = sqlx::query_scalar!(
            r#"select account_id as "id!" from visible_persons where account_id = any($1)"#,
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(found.into_iter().map(|id| (AccountId(id), ())).collect())
    }
}
