//! Remembers access tokens that were found valid.

use std::time::Duration;

use domain::AccountId;
use projections::ErasureEpoch;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::error::AuthError;
use crate::token::Grant;

/// Takes about 15 MiB.
const MAX_TOKENS: usize = 100_000;
/// An account is looked up again after this time: an operator may delete its row by hand, which
/// announces no erasure.
const RECHECK_AFTER: Duration = Duration::from_secs(600);
/// The same for a process that hears of no erasures, because it is cut off from the database. It
/// bounds how long an erased person may still act there.
const RECHECK_AFTER_CUT_OFF: Duration = Duration::from_secs(60);

/// Caches tokens whose account existed at the last lookup, until an account is erased.
///
/// Checking a signature and parsing two pieces of JSON would be the most expensive part of a vote.
/// Absent accounts are not cached: they may sign up at any time.
///
/// The key is a digest of the token. Neither the cache's content nor the time of a comparison reveals
/// a token.
pub(crate) struct VerifiedTokens {
    verified: Cache<[u8; 32], Verified>,
    erasures: ErasureEpoch,
}

#[derive(Clone, Copy)]
struct Verified {
    grant: Grant,
    /// The count of erasures before the lookup.
    erasures: u64,
    looked_up: Instant,
}

impl VerifiedTokens {
    pub(crate) fn new(erasures: ErasureEpoch) -> Self {
        Self { verified: Cache::new(MAX_TOKENS), erasures }
    }

    /// Forgets all tokens, because an account has been erased.
    pub(crate) fn forget_all(&self) {
        self.erasures.advance();
    }

    /// The account of a token: from the cache, or by `verify` and `account_exists`.
    ///
    /// # Errors
    /// What `verify` and `account_exists` return, or [`AuthError::AccountGone`].
    pub(crate) async fn account_of<E>(
        &self,
        token: &str,
        verify: impl FnOnce(&str) -> Result<Grant, AuthError>,
        account_exists: impl AsyncFnOnce(AccountId) -> Result<bool, E>,
    ) -> Result<AccountId, E>
    where
        E: From<AuthError>,
    {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let erasures = self.erasures.current();
        let is_followed = self.erasures.is_followed();
        let recheck_after = if is_followed { RECHECK_AFTER } else { RECHECK_AFTER_CUT_OFF };
        if let Some(verified) = self.verified.get(&digest)
            && verified.grant.is_current()
            && verified.erasures == erasures
            && verified.looked_up.elapsed() < recheck_after
        {
            return Ok(verified.grant.account);
        }
        let grant = verify(token)?;
        let looked_up = Instant::now();
        if !account_exists(grant.account).await? {
            return Err(AuthError::AccountGone.into());
        }
        self.verified.insert(digest, Verified { grant, erasures, looked_up });
        Ok(grant.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a.b.c";

    fn ana() -> AccountId {
        AccountId(uuid::Uuid::from_u128(1))
    }

    fn good(_: &str) -> Result<Grant, AuthError> {
        Ok(Grant { account: ana(), expires_at: u64::MAX })
    }

    /// The answer while the account `exists`, or not.
    async fn ask(tokens: &VerifiedTokens, exists: bool) -> Result<AccountId, AuthError> {
        tokens.account_of(TOKEN, good, async |_| Ok(exists)).await
    }

    #[tokio::test]
    async fn a_verified_token_is_cached_until_somebody_is_erased() {
        let tokens = VerifiedTokens::new(ErasureEpoch::default());
        assert_eq!(ask(&tokens, false).await, Err(AuthError::AccountGone));
        assert_eq!(ask(&tokens, true).await, Ok(ana()), "an absent account is looked up again");
        assert_eq!(ask(&tokens, false).await, Ok(ana()), "a present account is cached");
        tokens.forget_all();
        assert_eq!(ask(&tokens, false).await, Err(AuthError::AccountGone));
    }

    #[tokio::test]
    async fn a_lookup_from_before_an_erasure_is_not_cached() {
        let tokens = VerifiedTokens::new(ErasureEpoch::default());
        let lookup = async |_| {
            tokens.forget_all(); // The account is erased while the old result is under way.
            Ok::<_, AuthError>(true)
        };
        assert_eq!(tokens.account_of(TOKEN, good, lookup).await, Ok(ana()));
        assert_eq!(ask(&tokens, false).await, Err(AuthError::AccountGone));
    }

    #[tokio::test]
    async fn only_the_same_unexpired_token_is_found_in_the_cache() {
        let tokens = VerifiedTokens::new(ErasureEpoch::default());
        assert_eq!(ask(&tokens, true).await, Ok(ana()));
        let forged = |_: &str| Err(AuthError::TokenInvalid);
        let there = async |_| Ok::<_, AuthError>(true);
        for other in ["a.b.", "a.b.cc", "A.b.c", ""] {
            assert_eq!(
                tokens.account_of(other, forged, there).await,
                Err(AuthError::TokenInvalid),
                "{other}"
            );
        }
        let over = |_: &str| Ok(Grant { account: ana(), expires_at: 1 });
        assert_eq!(tokens.account_of("over", over, there).await, Ok(ana()));
        assert_eq!(tokens.account_of("over", forged, there).await, Err(AuthError::TokenInvalid));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_off_process_rechecks_sooner() {
        let erasures = ErasureEpoch::default();
        let tokens = VerifiedTokens::new(erasures.clone());
        assert_eq!(ask(&tokens, true).await, Ok(ana()));
        tokio::time::advance(RECHECK_AFTER_CUT_OFF).await;
        erasures.confirm_followed();
        assert_eq!(ask(&tokens, false).await, Ok(ana()), "an erasure would have been heard of");
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(
            ask(&tokens, false).await,
            Err(AuthError::AccountGone),
            "the process is cut off again"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn every_account_is_rechecked_after_a_while() {
        let erasures = ErasureEpoch::default();
        let tokens = VerifiedTokens::new(erasures.clone());
        assert_eq!(ask(&tokens, true).await, Ok(ana()));
        tokio::time::advance(RECHECK_AFTER).await;
        erasures.confirm_followed();
        assert_eq!(ask(&tokens, false).await, Err(AuthError::AccountGone));
    }
}
