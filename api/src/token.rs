//! Access tokens: JWT (RFC 7519), signed with HS256 only.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::AccountId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::error::AuthError;

/// Issues and verifies access tokens.
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime: Duration,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default)]
    iat: u64,
}

impl Tokens {
    /// Tokens signed with `secret` and valid for `lifetime`.
    pub(crate) fn new(secret: &[u8], lifetime: Duration) -> Self {
        // The list of algorithms rejects `none` and all others; `exp` is required by default.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            lifetime,
        }
    }

    /// Issues and verifies one token: the library finds a missing crypto provider only at run time.
    pub(crate) fn self_test(&self) -> Result<(), String> {
        let account = AccountId(uuid::Uuid::nil());
        let token = self.issue(account).map_err(|error| error.to_string())?;
        match self.verify(&token) {
            Ok(found) if found.account == account => Ok(()),
            _ => Err("a token just issued is not valid".to_owned()),
        }
    }

    /// How long a token is valid, in seconds.
    pub(crate) fn lifetime_seconds(&self) -> u64 {
        self.lifetime.as_secs()
    }

    /// A token for `account`, valid from now.
    pub(crate) fn issue(&self, account: AccountId) -> Result<String, jsonwebtoken::errors::Error> {
        let iat = now();
        let exp = iat.saturating_add(self.lifetime.as_secs());
        let claims = Claims { sub: account.to_string(), exp, iat };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// What a token grants. A token of another issuer or an expired one is invalid.
    pub(crate) fn verify(&self, token: &str) -> Result<Grant, AuthError> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| AuthError::TokenInvalid)?;
        let account = data.claims.sub.parse().map_err(|_| AuthError::TokenInvalid)?;
        Ok(Grant { account, expires_at: data.claims.exp })
    }
}

/// What a valid token grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The account that it was issued to.
    pub(crate) account: AccountId,
    /// In seconds since 1970.
    pub(crate) expires_at: u64,
}

impl Grant {
    /// Whether it has not expired.
    pub(crate) fn is_current(&self) -> bool {
        now() <= self.expires_at
    }
}

/// The current time, in seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

    fn tokens() -> Tokens {
        Tokens::new(SECRET, Duration::from_secs(60))
    }

    fn signed(algorithm: Algorithm, claims: &Value) -> String {
        let key = EncodingKey::from_secret(SECRET);
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn in_a_minute() -> u64 {
        now() + 60
    }

    #[test]
    fn a_token_grants_its_account() {
        let account = AccountId(Uuid::new_v4());
        let token = tokens().issue(account).unwrap();
        let grant = tokens().verify(&token).unwrap();
        assert!(grant.account == account && grant.is_current());
        assert!(tokens().self_test().is_ok());
    }

    #[test]
    fn a_token_of_the_earlier_implementation_is_valid() {
        let sub = Uuid::new_v4();
        let claims = json!({ "sub": sub.to_string(), "exp": in_a_minute() });
        let grant = tokens().verify(&signed(Algorithm::HS256, &claims)).unwrap();
        assert_eq!(grant.account, AccountId(sub));
    }

    #[test]
    fn every_other_token_is_rejected() {
        let sub = Uuid::new_v4().to_string();
        let exp = in_a_minute();
        let hs256 = |claims: Value| signed(Algorithm::HS256, &claims);
        let good = hs256(json!({ "sub": sub, "exp": exp }));
        let payload = good.split('.').nth(1).unwrap();
        // {"alg":"none","typ":"JWT"}
        let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        let other_key = Tokens::new(b"another secret", Duration::from_secs(60));
        for (why, token) in [
            ("expired", hs256(json!({ "sub": sub, "exp": exp - 61 }))),
            ("without exp", hs256(json!({ "sub": sub }))),
            ("exp is text", hs256(json!({ "sub": sub, "exp": "tomorrow" }))),
            ("without sub", hs256(json!({ "exp": exp }))),
            ("sub is no UUID", hs256(json!({ "sub": "1", "exp": exp }))),
            ("sub is a number", hs256(json!({ "sub": 1, "exp": exp }))),
            ("other algorithm", signed(Algorithm::HS512, &json!({ "sub": sub, "exp": exp }))),
            ("none", none),
            ("other key", other_key.issue(AccountId(Uuid::new_v4())).unwrap()),
            ("cut", good[..good.len() - 2].to_owned()),
            ("empty", String::new()),
            ("nonsense", "a.b.c".to_owned()),
        ] {
            assert_eq!(tokens().verify(&token), Err(AuthError::TokenInvalid), "{why}");
        }
    }
}
