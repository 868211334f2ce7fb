//! Access tokens signed with the server's key. A login would measure Argon2.

use anyhow::Result;
use chrono::{Duration, Utc};
use domain::AccountId;
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

pub(crate) const SECRET_KEY: &str = "a secret key for benchmarks, 32 bytes or more";

/// The value of `Authorization` for an account.
pub(crate) fn bearer(account: AccountId) -> Result<HeaderValue> {
    let now = Utc::now();
    let expires = now + Duration::days(1);
    let claims =
        json!({ "sub": account.to_string(), "iat": now.timestamp(), "exp": expires.timestamp() });
    let key = EncodingKey::from_secret(SECRET_KEY.as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?;
    Ok(HeaderValue::try_from(format!("Bearer {token}"))?)
}
