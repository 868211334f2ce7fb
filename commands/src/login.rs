//! Signing in. It appends nothing; it lives here because passwords do.

use domain::AccountId;

use crate::{CommandError, Commands, personal_data};

impl Commands {
    /// The account behind an address, if the password is right. An unknown address takes as long as
    /// a wrong password.
    ///
    /// # Errors
    /// [`CommandError`] if the answer cannot be found out.
    pub async fn login(
        &self,
        email: &str,
        password: &str,
    ) -> Result<Option<AccountId>, CommandError> {
        let key = self.inner.email_secret.key_of(email);
        let account = self.inner.parts.read_models.account_by_email(&key).await?;
        let account = account.map(|account| account.id);
        let person = match account {
            Some(account) => personal_data::find(&self.inner.parts.pool, account).await?,
            None => None,
        };
        let hash = person.map(|person| person.password_hash);
        let right = self.inner.passwords.verify(password, hash).await?;
        Ok(account.filter(|_| right))
    }
}
