//! Who asks: the bearer of a valid token whose account still exists.

use std::time::Duration;

use axum::extract::FromRequestParts;
use domain::AccountId;
use http::header::AUTHORIZATION;
use http::request::Parts;
use projections::ErasureEpoch;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::app::Shared;
use crate::error::ApiError;
use crate::token::{Grant, InvalidToken};

/// About 15 MiB.
const REMEMBERED: usize = 100_000;
/// How long somebody is remembered who has not been looked for again. Not for ever: a row may be removed
/// by hand, without the news of an erasure.
const TTL: Duration = Duration::from_secs(600);
/// How long somebody who was erased may still act, at the most: in a process that is cut off from the
/// database, and so from the news.
const TTL_CUT_OFF: Duration = Duration::from_secs(60);

/// The account that a request acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor(pub(crate) AccountId);

/// Tokens of people who were there when last looked for, and nobody had been erased since. To check a
/// signature and to parse two pieces of JSON costs a vote more than anything else that it does not
/// need. Absent people are looked for each time: they may have signed up in between.
///
/// A token is known by its digest: neither what is remembered nor the time of a comparison gives one away.
pub(crate) struct People {
    present: Cache<[u8; 32], Present>,
    erasures: ErasureEpoch,
}

/// Somebody who was there.
#[derive(Clone, Copy)]
struct Present {
    grant: Grant,
    /// The count of erasures before we looked.
    erasures: u64,
    looked: Instant,
}

impl People {
    pub(crate) fn new(erasures: ErasureEpoch) -> Self {
        Self { present: Cache::new(REMEMBERED), erasures }
    }

    /// Forgets all of them: somebody has just been erased.
    pub(crate) fn forget(&self) {
        self.erasures.advance();
    }

    /// Whose token it is, if it holds and they are there: as remembered, or else as `verify` and `look`
    /// say.
    async fn bearer<E>(
        &self,
        token: &str,
        verify: impl FnOnce(&str) -> Result<Grant, InvalidToken>,
        look: impl AsyncFnOnce(AccountId) -> Result<bool, E>,
    ) -> Result<AccountId, E>
    where
        E: From<InvalidToken> + From<Gone>,
    {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let erasures = self.erasures.current();
        let ttl = if self.erasures.is_followed() { TTL } else { TTL_CUT_OFF };
        if let Some(present) = self.present.get(&digest)
            && present.grant.holds()
            && present.erasures == erasures
            && present.looked.elapsed() < ttl
        {
            return Ok(present.grant.account);
        }
        let grant = verify(token)?;
        let looked = Instant::now();
        if !look(grant.account).await? {
            return Err(Gone.into());
        }
        self.present.insert(digest, Present { grant, erasures, looked });
        Ok(grant.account)
    }
}

/// The account of a token is not there any more.
struct Gone;

impl From<Gone> for ApiError {
    fn from(_: Gone) -> Self {
        Self::AccountGone
    }
}

impl From<InvalidToken> for ApiError {
    fn from(_: InvalidToken) -> Self {
        Self::TokenInvalid
    }
}

impl FromRequestParts<Shared> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or("?"));
        let token = bearer_token(header)?;
        Self::of_token(state, token).await
    }
}

impl Actor {
    /// The account that a token was issued to.
    pub(crate) async fn of_token(state: &Shared, token: &str) -> Result<Self, ApiError> {
        let verify = |token: &str| state.tokens.verify(token);
        let look = async |account| Ok(state.app.queries.person_exists(account).await?);
        state.people.bearer(token, verify, look).await.map(Self)
    }
}

/// The token in an `Authorization` header. The scheme's letter case does not matter (RFC 9110,
/// section 11.1).
fn bearer_token(header: Option<&str>) -> Result<&str, ApiError> {
    let header = header.unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let token = token.trim();
    if !scheme.is_empty() && !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::WrongScheme);
    }
    if scheme.is_empty() || token.is_empty() {
        return Err(ApiError::NotAuthenticated);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_looked_at() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(bearer_token(Some(header)).ok(), Some("abc"), "{header}");
        }
        for header in [None, Some(""), Some("Bearer"), Some("Bearer "), Some(" abc")] {
            let refused = bearer_token(header);
            assert!(matches!(refused, Err(ApiError::NotAuthenticated)), "{header:?}");
        }
        for header in ["Basic YTpi", "Token abc", "Bearerabc", "Basic"] {
            let refused = bearer_token(Some(header));
            assert!(matches!(refused, Err(ApiError::WrongScheme)), "{header}");
        }
    }

    const TOKEN: &str = "a.b.c";

    #[derive(Debug, PartialEq, Eq)]
    enum Refused {
        Gone,
        Invalid,
    }

    impl From<Gone> for Refused {
        fn from(_: Gone) -> Self {
            Self::Gone
        }
    }

    impl From<InvalidToken> for Refused {
        fn from(_: InvalidToken) -> Self {
            Self::Invalid
        }
    }

    fn ana() -> AccountId {
        AccountId(uuid::Uuid::from_u128(1))
    }

    fn good(_: &str) -> Result<Grant, InvalidToken> {
        Ok(Grant { account: ana(), expires_at: u64::MAX })
    }

    /// What is said while the database says `there`.
    async fn ask(people: &People, there: bool) -> Result<AccountId, Refused> {
        people.bearer(TOKEN, good, async |_| Ok(there)).await
    }

    #[tokio::test]
    async fn who_is_there_is_remembered_until_somebody_is_erased() {
        let people = People::new(ErasureEpoch::default());
        assert_eq!(ask(&people, false).await, Err(Refused::Gone));
        assert_eq!(ask(&people, true).await, Ok(ana()), "an absent person is looked for again");
        assert_eq!(ask(&people, false).await, Ok(ana()), "a present one is remembered");
        people.forget();
        assert_eq!(ask(&people, false).await, Err(Refused::Gone));
    }

    #[tokio::test]
    async fn an_answer_from_before_an_erasure_is_not_remembered() {
        let people = People::new(ErasureEpoch::default());
        let look = async |_| {
            people.forget(); // The account is erased while the old answer is on its way.
            Ok::<_, Refused>(true)
        };
        assert_eq!(people.bearer(TOKEN, good, look).await, Ok(ana()));
        assert_eq!(ask(&people, false).await, Err(Refused::Gone));
    }

    #[tokio::test]
    async fn a_token_is_remembered_as_it_is_and_while_it_holds() {
        let people = People::new(ErasureEpoch::default());
        assert_eq!(ask(&people, true).await, Ok(ana()));
        let forged = |_: &str| Err(InvalidToken);
        let there = async |_| Ok::<_, Refused>(true);
        for other in ["a.b.", "a.b.cc", "A.b.c", ""] {
            assert_eq!(people.bearer(other, forged, there).await, Err(Refused::Invalid), "{other}");
        }
        let over = |_: &str| Ok(Grant { account: ana(), expires_at: 1 });
        assert_eq!(people.bearer("over", over, there).await, Ok(ana()));
        assert_eq!(people.bearer("over", forged, there).await, Err(Refused::Invalid));
    }

    #[tokio::test(start_paused = true)]
    async fn cut_off_from_the_news_nobody_is_remembered_for_long() {
        let erasures = ErasureEpoch::default();
        let people = People::new(erasures.clone());
        assert_eq!(ask(&people, true).await, Ok(ana()));
        tokio::time::advance(TTL_CUT_OFF).await;
        erasures.confirm_followed();
        assert_eq!(ask(&people, false).await, Ok(ana()), "the news would have told");
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(ask(&people, false).await, Err(Refused::Gone), "and there is none any more");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_remembered_for_ever() {
        let erasures = ErasureEpoch::default();
        let people = People::new(erasures.clone());
        assert_eq!(ask(&people, true).await, Ok(ana()));
        tokio::time::advance(TTL).await;
        erasures.confirm_followed();
        assert_eq!(ask(&people, false).await, Err(Refused::Gone));
    }
}
