//! Password hashing: Argon2id, bounded in memory and in the queue before it.

use std::sync::Arc;
use std::time::Instant;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::CommandError;

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// So many callers may wait for each hasher; beyond that the answer is "busy" at once.
const WAITING_PER_HASHER: usize = 64;
/// But no more than so many in all, on however many processors: they hold places that other commands
/// want, too.
const MOST_WAITING: usize = 256;

/// Hashes and checks passwords on blocking threads.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    hashers: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// The hash of nobody's password: checking against it takes as long as a real check.
    decoy: String,
}

impl Passwords {
    pub(crate) fn new(parallelism: usize) -> Result<Self, CommandError> {
        let internal = |error: String| CommandError::Internal(format!("password hash: {error}"));
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .map_err(|error| internal(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody: [u8; 32] = rand::random();
        let decoy = hash_with(&argon2, &nobody).map_err(|error| internal(error.to_string()))?;
        let parallelism = parallelism.max(1);
        Ok(Self {
            argon2,
            hashers: Arc::new(Semaphore::new(parallelism)),
            queue: Arc::new(Semaphore::new(
                parallelism + MOST_WAITING.min(parallelism * WAITING_PER_HASHER),
            )),
            decoy,
        })
    }

    /// Hashes a password, as a PHC string.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, CommandError> {
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        self.run(move || hash_with(&argon2, password.as_bytes()))
            .await?
            .map_err(|error| CommandError::Internal(format!("password hash: {error}")))
    }

    /// Whether `password` is the one behind `hash`. Without a hash the answer is no, after the same
    /// work.
    pub(crate) async fn verify(
        &self,
        password: &str,
        hash: Option<String>,
    ) -> Result<bool, CommandError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        let verified = self
            .run(move || {
                let hash = PasswordHash::new(&hash).map_err(|error| error.to_string())?;
                match argon2.verify_password(password.as_bytes(), &hash) {
                    Ok(()) => Ok(true),
                    Err(HashError::PasswordInvalid) => Ok(false),
                    Err(error) => Err(error.to_string()),
                }
            })
            .await?
            .map_err(|error| CommandError::Internal(format!("password check: {error}")))?;
        Ok(verified && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        let _place =
            Arc::clone(&self.queue).try_acquire_owned().map_err(|_| CommandError::Overloaded)?;
        let closed = |_| CommandError::Internal("the password hashers are gone".to_owned());
        let hasher: OwnedSemaphorePermit =
            Arc::clone(&self.hashers).acquire_owned().await.map_err(closed)?;
        let started = Instant::now();
        // The permit goes with the work: a caller that gives up does not free memory still in use.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(hasher);
            result
        })
        .await
        .map_err(|error| CommandError::Internal(format!("password hasher: {error}")));
        metrics::histogram!("anb_password_hash_seconds").record(started.elapsed().as_secs_f64());
        done
    }
}

fn hash_with(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, HashError> {
    let hash: PasswordHash = argon2.hash_password(password)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Mutex, mpsc};
    use tokio::task::JoinSet;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash("correcto caballo").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correcto caballo", Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correcto caballo ", Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::new(1).unwrap();
        assert!(!passwords.verify("anything", None).await.unwrap());
    }

    #[tokio::test]
    async fn a_storm_waits_in_a_short_queue_for_one_hash_at_a_time() {
        let passwords = Arc::new(Passwords::new(1).unwrap());
        let (closed, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut storm = JoinSet::new();
        for _ in 0..=WAITING_PER_HASHER {
            let (passwords, gate) = (Arc::clone(&passwords), Arc::clone(&gate));
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            storm.spawn(async move {
                let hash = move || {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    // Until the gate is opened, by nobody being left to keep it closed.
                    let _ = gate.lock().unwrap().recv();
                    now.fetch_sub(1, SeqCst);
                };
                passwords.run(hash).await
            });
        }
        while passwords.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.run(|| ()).await;
        assert!(matches!(refused, Err(CommandError::Overloaded)), "{refused:?}");

        drop(closed);
        assert!(storm.join_all().await.into_iter().all(|done| done.is_ok()));
        assert_eq!(most.load(SeqCst), 1, "so much memory is used as for one");
        assert!(passwords.run(|| ()).await.is_ok(), "there is room again");
    }
}
