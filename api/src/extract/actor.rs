//! Who asks: the bearer of a valid token whose account still exists.

use std::time::Duration;

use axum::extract::FromRequestParts;
use domain::AccountId;
use hashbrown::DefaultHashBuilder;
use http::header::AUTHORIZATION;
use http::request::Parts;
use moka::sync::Cache;
use projections::Erasures;

use crate::app::Shared;
use crate::error::ApiError;

const REMEMBERED: u64 = 100_000;
/// How long somebody who was erased may still act, at the most: in a process that is cut off from the
/// database, and so from the news.
const TTL: Duration = Duration::from_secs(60);

/// The account that a request acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor(pub(crate) AccountId);

/// People who were there when last looked for, and nobody had been erased since. Absent ones are looked
/// for each time: they may have signed up in between.
pub(crate) struct People {
    present: Cache<(u64, AccountId), (), DefaultHashBuilder>,
    erasures: Erasures,
}

impl People {
    pub(crate) fn new(erasures: Erasures) -> Self {
        let present = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(TTL)
            .build_with_hasher(DefaultHashBuilder::default());
        Self { present, erasures }
    }

    /// Forgets all of them: somebody has just been erased.
    pub(crate) fn forget(&self) {
        self.erasures.note();
    }

    async fn is_there<E>(
        &self,
        account: AccountId,
        look: impl Future<Output = Result<bool, E>>,
    ) -> Result<bool, E> {
        let key = (self.erasures.count(), account);
        if self.present.contains_key(&key) {
            return Ok(true);
        }
        let there = look.await?;
        if there {
            self.present.insert(key, ());
        }
        Ok(there)
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
        let account = state.tokens.verify(token).map_err(|_| ApiError::TokenInvalid)?;
        let look = state.app.queries.person_exists(account);
        match state.people.is_there(account, look).await? {
            true => Ok(Self(account)),
            false => Err(ApiError::AccountGone),
        }
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

    /// What is asked while the database says `there`.
    async fn ask(people: &People, there: bool) -> bool {
        let account = AccountId(uuid::Uuid::from_u128(1));
        people.is_there(account, async { Ok::<_, ()>(there) }).await.unwrap()
    }

    #[tokio::test]
    async fn who_is_there_is_remembered_until_somebody_is_erased() {
        let people = People::new(Erasures::default());
        assert!(!ask(&people, false).await);
        assert!(ask(&people, true).await, "an absent person is looked for again");
        assert!(ask(&people, false).await, "a present one is remembered");
        people.forget();
        assert!(!ask(&people, false).await);
    }

    #[tokio::test]
    async fn an_answer_from_before_an_erasure_is_not_remembered() {
        let people = People::new(Erasures::default());
        let account = AccountId(uuid::Uuid::from_u128(1));
        let look = async {
            people.forget(); // The account is erased while the old answer is on its way.
            Ok::<_, ()>(true)
        };
        assert!(people.is_there(account, look).await.unwrap());
        assert!(!ask(&people, false).await);
    }
}
