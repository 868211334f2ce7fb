//! The secret behind email pseudonyms.

use domain::EmailKey;
use infra::database::Pool;

use crate::error::CommandError;

const NAME: &str = "email_hmac";

/// The key of the email HMAC. It is made once and kept beside `personal_data`. It does not rotate with
/// `SECRET_KEY`, because identities in the log depend on it.
#[derive(Clone, Copy)]
pub struct EmailSecret([u8; 32]);

impl From<[u8; 32]> for EmailSecret {
    fn from(secret: [u8; 32]) -> Self {
        Self(secret)
    }
}

impl EmailSecret {
    /// Reads the secret, and makes it at the first start. Processes that start at once agree.
    ///
    /// # Errors
    /// [`CommandError`] if the database cannot be used.
    pub async fn load(pool: &Pool) -> Result<Self, CommandError> {
        let new_secret: [u8; 32] = rand::random();
        sqlx::query!(
            "insert into secrets (name, value) values ($1, $2) on conflict do nothing",
            NAME,
            &new_secret[..],
        )
        .execute(pool)
        .await?;
        let value = sqlx::query_scalar!("select value from secrets where name = $1", NAME)
            .fetch_one(pool)
            .await?;
        let secret = value
            .try_into()
            .map_err(|_| CommandError::internal(format!("secret `{NAME}` has not 32 bytes")))?;
        Ok(Self(secret))
    }

    pub(crate) fn key_of(&self, email: &str) -> EmailKey {
        EmailKey::derive(&self.0, email)
    }
}
