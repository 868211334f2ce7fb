//! Issues access tokens, and finds the account that a request acts for.

use std::time::Duration;

use domain::AccountId;
use projections::ErasureEpoch;
use projections::queries::Queries;

use crate::error::ApiError;
use crate::token::Tokens;
use crate::verified_tokens::VerifiedTokens;

/// Issues access tokens and verifies them against the accounts that exist.
pub(crate) struct Authenticator {
    tokens: Tokens,
    verified: VerifiedTokens,
    queries: Queries,
}

impl Authenticator {
    /// Signs with `secret`; tokens are valid for `lifetime`.
    ///
    /// # Errors
    /// What is wrong, if tokens cannot be signed or verified.
    pub(crate) fn new(
        secret: &[u8],
        lifetime: Duration,
        queries: Queries,
        erasures: ErasureEpoch,
    ) -> Result<Self, String> {
        let tokens = Tokens::new(secret, lifetime);
        tokens.self_test()?;
        Ok(Self { tokens, verified: VerifiedTokens::new(erasures), queries })
    }

    /// The account of a token, if the token is valid and the account exists.
    pub(crate) async fn account_of(&self, token: &str) -> Result<AccountId, ApiError> {
        let verify = |token: &str| self.tokens.verify(token);
        let account_exists = async |account| Ok(self.queries.person_exists(account).await?);
        self.verified.account_of(token, verify, account_exists).await
    }

    /// A new token for `account`.
    pub(crate) fn issue(&self, account: AccountId) -> Result<String, ApiError> {
        self.tokens.issue(account).map_err(ApiError::internal)
    }

    /// How long a token is valid, in seconds.
    pub(crate) fn lifetime_seconds(&self) -> u64 {
        self.tokens.lifetime_seconds()
    }

    /// Forgets what is known of accounts, because one has been erased.
    pub(crate) fn forget_accounts(&self) {
        self.verified.forget_all();
    }
}
