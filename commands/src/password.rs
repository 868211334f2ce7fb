//! Password hashing with Argon2id, with a limit on memory and on the queue before it.
//!
//! The crate `argon2` hashes; the limits are ours, because each hash takes 19 MiB.

use std::sync::Arc;
use std::time::Instant;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::CommandError;

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;
/// How many callers may wait per hasher; the next one is told "overloaded" at once.
const MAX_WAITING_PER_HASHER: usize = 64;
/// How many callers may wait in all: each holds a request permit that other commands need, too.
const MAX_WAITING: usize = 256;
/// A PHC string of random bytes, the hash of no known password. Checking against it takes as long as a
/// real check, so an unknown address cannot be told from a wrong password by the time.
const DECOY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$6pGDs2F88wK2MYfCc+tvBw$SMI3ypLd1pwbN7mQ2sWNBIbkANLiZX8fmuNvwU5PlnQ";

/// Hashes and checks passwords on blocking threads.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    hashers: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new(parallelism: usize) -> Result<Self, CommandError> {
        let params =
            Params::new(MEMORY_KIB, ITERATIONS, LANES, None).map_err(CommandError::internal)?;
        let parallelism = parallelism.max(1);
        let waiting = MAX_WAITING.min(parallelism * MAX_WAITING_PER_HASHER);
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            hashers: Arc::new(Semaphore::new(parallelism)),
            queue: Arc::new(Semaphore::new(parallelism + waiting)),
        })
    }

    /// Hashes a password, as a PHC string.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, CommandError> {
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        self.run(move || hash_with(&argon2, password.as_bytes()))
            .await?
            .map_err(CommandError::internal)
    }

    /// Whether `password` matches `hash`. Without a hash the answer is no, after the same work.
    pub(crate) async fn verify(
        &self,
        password: &str,
        hash: Option<String>,
    ) -> Result<bool, CommandError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DECOY_HASH.to_owned());
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        let verified = self
            .run(move || {
                let hash = PasswordHash::new(&hash).map_err(CommandError::internal)?;
                match argon2.verify_password(password.as_bytes(), &hash) {
                    Ok(()) => Ok(true),
                    Err(HashError::PasswordInvalid) => Ok(false),
                    Err(error) => Err(CommandError::internal(error)),
                }
            })
            .await??;
        Ok(verified && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        let _queued =
            Arc::clone(&self.queue).try_acquire_owned().map_err(|_| CommandError::Overloaded)?;
        let hasher: OwnedSemaphorePermit =
            Arc::clone(&self.hashers).acquire_owned().await.map_err(CommandError::internal)?;
        let started = Instant::now();
        // The permit moves into the work: memory stays in use even if the caller gives up.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(hasher);
            result
        })
        .await
        .map_err(CommandError::internal);
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
    async fn a_password_matches_only_its_own_hash() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash("correcto caballo").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correcto caballo", Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correcto caballo ", Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn without_a_hash_no_password_is_right() {
        let passwords = Passwords::new(1).unwrap();
        assert!(!passwords.verify("anything", None).await.unwrap());
        let hash = passwords.hash("anything").await.unwrap();
        let work =
            |hash: &str| hash.rsplit_once('$').unwrap().0.rsplit_once('$').unwrap().0.to_owned();
        assert_eq!(work(DECOY_HASH), work(&hash), "the decoy takes as long as a real hash");
        assert_eq!(DECOY_HASH.len(), hash.len());
    }

    #[tokio::test]
    async fn callers_wait_in_a_bounded_queue_for_one_hash_at_a_time() {
        let passwords = Arc::new(Passwords::new(1).unwrap());
        let (closed, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut storm = JoinSet::new();
        for _ in 0..=MAX_WAITING_PER_HASHER {
            let (passwords, gate) = (Arc::clone(&passwords), Arc::clone(&gate));
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            storm.spawn(async move {
                let hash = move || {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    // Blocks until the sender is dropped.
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
        assert_eq!(most.load(SeqCst), 1, "no two hashes run at once");
        assert!(passwords.run(|| ()).await.is_ok(), "the queue is empty again");
    }
}
