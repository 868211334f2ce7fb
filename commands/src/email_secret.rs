//! The secret behind email pseudonyms.

use std::time::Duration;

use domain::{EmailKey, Position};
use infra::cause::{Cause, cause};
use infra::database::Pool;
use infra::event_log::{EventLog, ReadError};
use infra::timeout::within;

const NAME: &str = "email_hmac";
/// What the key of every account's stream begins with.
const ACCOUNT_STREAM: &[u8] = b"account-";
/// Records per read.
const BATCH: usize = 1_000;
/// The records exist, so the log gives them at once. A log that does not answer ends the start.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The key of the email HMAC. It is made once and kept beside `personal_data`. It does not rotate with
/// `SECRET_KEY`, because identities in the log depend on it.
#[derive(Clone, Copy)]
pub struct EmailSecret([u8; 32]);

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum EmailSecretError {
    /// There are accounts whose pseudonyms were made with a secret that no longer exists.
    #[error(
        "the table `secrets` has lost `{NAME}`, the key of every email pseudonym, but there are \
         accounts: restore the table `secrets` from the backup"
    )]
    Lost,
    /// The row is not what this program has written.
    #[error("the secret `{NAME}` has not 32 bytes: restore the table `secrets` from the backup")]
    Damaged,
    /// The database or the log gives no answer.
    #[error("the secret `{NAME}` cannot be read")]
    Unavailable(#[source] Cause),
}

impl From<sqlx::Error> for EmailSecretError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(cause(error))
    }
}

impl From<ReadError> for EmailSecretError {
    fn from(error: ReadError) -> Self {
        Self::Unavailable(cause(error))
    }
}

impl From<[u8; 32]> for EmailSecret {
    fn from(secret: [u8; 32]) -> Self {
        Self(secret)
    }
}

impl EmailSecret {
    /// Reads the secret. A new installation makes it; processes that start at once agree.
    ///
    /// # Errors
    /// [`EmailSecretError::Lost`] if there is none although the read models, `personal_data` or the log
    /// hold accounts. With another secret nobody could sign in, and every address could sign up again.
    pub async fn load(pool: &Pool, log: &dyn EventLog) -> Result<Self, EmailSecretError> {
        if let Some(secret) = find(pool).await? {
            return Ok(secret);
        }
        if has_accounts(pool).await? || holds_accounts(log).await? {
            // Another process may just have made the secret, and signed somebody up with it.
            return find(pool).await?.ok_or(EmailSecretError::Lost);
        }
        let new_secret: [u8; 32] = rand::random();
        sqlx::query!(
            "insert into secrets (name, value) values ($1, $2) on conflict do nothing",
            NAME,
            &new_secret[..],
        )
        .execute(pool)
        .await?;
        find(pool).await?.ok_or(EmailSecretError::Lost)
    }

    pub(crate) fn key_of(&self, email: &str) -> EmailKey {
        EmailKey::derive(&self.0, email)
    }
}

async fn find(pool: &Pool) -> Result<Option<EmailSecret>, EmailSecretError> {
    let value = sqlx::query_scalar!("select value from secrets where name = $1", NAME)
        .fetch_optional(pool)
        .await?;
    let Some(value) = value else { return Ok(None) };
    let secret = value.try_into().map_err(|_| EmailSecretError::Damaged)?;
    Ok(Some(EmailSecret(secret)))
}

async fn has_accounts(pool: &Pool) -> Result<bool, EmailSecretError> {
    let found = sqlx::query_scalar!(
        r#"select exists (select from accounts) or exists (select from personal_data) as "found!""#,
    );
    Ok(found.fetch_one(pool).await?)
}

/// Whether the log holds the stream of an account. Nothing happens before somebody signs up, so the
/// first records answer.
async fn holds_accounts(log: &dyn EventLog) -> Result<bool, EmailSecretError> {
    let ends = log.end_offsets().await?;
    let mut unread: Vec<(u32, u64)> = (0..).zip(ends).filter(|(_, end)| *end > 0).collect();
    if unread.is_empty() {
        return Ok(false);
    }
    let starts = unread.iter().map(|(partition, _)| Position { partition: *partition, offset: 0 });
    let mut reader = match log.read(&starts.collect::<Vec<_>>()).await {
        // Records were removed. They may have been those of accounts.
        Err(ReadError::OffsetGone { .. }) => return Ok(true),
        reader => reader?,
    };
    while !unread.is_empty() {
        let records = within("email_secret_log_read", READ_TIMEOUT, reader.next(BATCH)).await;
        let records = records.map_err(|late| EmailSecretError::Unavailable(cause(late)))??;
        for record in records {
            if record.key.is_some_and(|key| key.starts_with(ACCOUNT_STREAM)) {
                return Ok(true);
            }
            let Position { partition, offset } = record.position;
            unread.retain(|(unread, end)| *unread != partition || offset + 1 < *end);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use infra::event_log::NewRecord;
    use infra::event_log::postgres::PostgresLog;

    use super::*;

    async fn empty() -> (Pool, PostgresLog) {
        let pool = test_services::database().await;
        let log = PostgresLog::open(pool.clone(), 3).await.unwrap();
        (pool, log)
    }

    async fn append(log: &PostgresLog, key: &str) {
        let record = NewRecord { key: key.to_owned(), headers: vec![], value: "{}".into() };
        log.append(vec![record]).await.remove(0).unwrap();
    }

    #[tokio::test]
    async fn processes_of_a_new_installation_make_one_secret() {
        let (pool, log) = empty().await;
        let secrets = join_all((0..8).map(|_| EmailSecret::load(&pool, &log))).await;
        let secrets: Vec<[u8; 32]> = secrets.into_iter().map(|secret| secret.unwrap().0).collect();
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        append(&log, "account-1").await;
        assert_eq!(EmailSecret::load(&pool, &log).await.unwrap().0, secrets[0]);
    }

    #[tokio::test]
    async fn a_secret_that_was_lost_is_not_made_again() {
        let account =
            "insert into accounts (email_key, account_id, city, country, city_key, country_key,
                           registered_at, registered_by)
             values ('', gen_random_uuid(), '', '', '', '', now(), gen_random_uuid())";
        let person = "insert into personal_data (account_id, first_name, last_name, email,
                          password_hash, event_id)
             values (gen_random_uuid(), '', '', '', '', gen_random_uuid())";
        for (traces, stream) in [(account, None), (person, None), ("", Some("account-1"))] {
            let (pool, log) = empty().await;
            // Records of other streams say nothing, in the same partition or another.
            for stream in ["video-1", "video-2", "video-3", "video-4"].into_iter().chain(stream) {
                append(&log, stream).await;
            }
            sqlx::raw_sql(traces).execute(&pool).await.unwrap();
            let refused = EmailSecret::load(&pool, &log).await.err().unwrap();
            assert!(matches!(refused, EmailSecretError::Lost), "{refused}");
            assert!(refused.to_string().contains("restore the table `secrets`"), "{refused}");
            assert_eq!(find(&pool).await.unwrap().map(|secret| secret.0), None);
        }
    }

    #[tokio::test]
    async fn a_log_without_accounts_is_that_of_a_new_installation() {
        let (pool, log) = empty().await;
        append(&log, "video-1").await;
        EmailSecret::load(&pool, &log).await.unwrap();
    }
}
