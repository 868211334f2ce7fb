//! Signing in. It appends nothing; it is here because passwords are.

use domain::AccountId;

use crate::commands::Commands;
use crate::error::CommandError;
use crate::personal_data;

impl Commands {
    /// The account of the address, if the password is right. An unknown address takes as long as a
    /// wrong password.
    ///
    /// # Errors
    /// [`CommandError`] if the account cannot be looked up or the password not be checked.
    pub async fn login(
        &self,
        email: &str,
        password: &str,
    ) -> Result<Option<AccountId>, CommandError> {
        let key = self.inner.email_secret.key_of(email);
        let account = self.inner.dependencies.read_models.account_by_email(&key).await?;
        let account = account.map(|account| account.id);
        let person = match account {
            Some(account) => personal_data::find(&self.inner.dependencies.pool, account).await?,
            None => None,
        };
        let hash = person.map(|person| person.password_hash);
        let is_right = self.inner.passwords.verify(password, hash).await?;
        Ok(account.filter(|_| is_right))
    }
}
