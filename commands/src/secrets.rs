//! The secret behind email pseudonyms.

use domain::EmailKey;
use sqlx::PgPool;

use crate::CommandError;

const NAME: &str = "email_hmac";

/// The key of the email HMAC: made once, kept beside `personal_data`, never rotated with
/// `SECRET_KEY`, because identities in the log depend on it.
#[derive(Clone, Copy)]
pub(crate) struct EmailSecret(pub(crate) [u8; 32]);

impl EmailSecret {
    /// Reads the secret, making it if this is the first start. Processes that start at once agree.
    pub(crate) async fn load(pool: &PgPool) -> Result<Self, CommandError> {
        let fresh: [u8; 32] = rand::random();
        sqlx::query("insert into secrets (name, value) values ($1, $2) on conflict do nothing")
            .bind(NAME)
            .bind(&fresh[..])
            .execute(pool)
            .await?;
        let value: Vec<u8> = sqlx::query_scalar("select value from secrets where name = $1")
            .bind(NAME)
            .fetch_one(pool)
            .await?;
        let secret = value
            .try_into()
            .map_err(|_| CommandError::Internal(format!("secret `{NAME}` has not 32 bytes")))?;
        Ok(Self(secret))
    }

    pub(crate) fn key_of(&self, email: &str) -> EmailKey {
        EmailKey::derive(&self.0, email)
    }
}
