//! People.

use domain::AccountId;

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
    /// Rests on `personal_data`, not on the read model: a rebuild must not turn everybody away.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn person_exists(&self, account: AccountId) -> Result<bool, QueryError> {
        let exists = sqlx::query_scalar("select exists (select from people where account_id = $1)")
            .bind(account.0)
            .fetch_one(&self.pool)
            .await?;
        Ok(exists)
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
