//! A data loader: concurrent lookups by key share queries.
//!
//! A burst of unknown voters would otherwise take one connection each. A lookup that arrives alone starts
//! its query at once. Lookups that arrive during a query share the next one, so each waits for two queries
//! at most. If the task that runs a query is cancelled, the others start over. A failed query fails all
//! lookups that share it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infra::timeout::within;
use tokio::sync::oneshot;

/// Bounds a query. A dropped connection gives no error, and all lookups would wait for it. Longer than the
/// pool's timeout for a connection.
const QUERY_TIMEOUT: Duration = Duration::from_secs(8);
/// The text of the error after [`QUERY_TIMEOUT`].
pub(crate) const NO_ANSWER: &str = "no answer in time";

/// Batches lookups of one kind. Admission control bounds the requests, and each has one lookup at a time.
pub(crate) struct QueryBatcher<K, V, E> {
    /// The label in metrics.
    kind: &'static str,
    /// The error after [`QUERY_TIMEOUT`].
    timed_out: E,
    waiting: Mutex<Vec<Waiting<K, V, E>>>,
    turn: tokio::sync::Mutex<()>,
}

struct Waiting<K, V, E> {
    key: K,
    answer: oneshot::Sender<Result<Option<V>, E>>,
}

impl<K: Copy + Eq + Hash, V: Clone, E: Clone> QueryBatcher<K, V, E> {
    pub(crate) fn new(kind: &'static str, timed_out: E) -> Self {
        Self { kind, timed_out, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The value of `key`, from a query that started after this call. `query` looks up many keys; keys
    /// without a value are missing in its result.
    ///
    /// # Errors
    /// The error of the query, or of its timeout. All lookups that share a query get the same error.
    pub(crate) async fn load<F>(&self, key: K, query: impl Fn(Vec<K>) -> F) -> Result<Option<V>, E>
    where
        F: Future<Output = Result<HashMap<K, V>, E>>,
    {
        loop {
            let (sender, mut answer) = oneshot::channel();
            self.lock().push(Waiting { key, answer: sender });
            let _turn = tokio::select! {
                biased;
                answered = &mut answer => match answered {
                    Ok(answered) => return answered,
                    // The task that ran the query was cancelled.
                    Err(_) => continue,
                },
                turn = self.turn.lock() => turn,
            };
            match answer.try_recv() {
                Ok(answered) => return answered,
                Err(oneshot::error::TryRecvError::Closed) => continue,
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            // The own lookup is among them.
            let mut waiting = std::mem::take(&mut *self.lock());
            waiting.retain(|waiting| !waiting.answer.is_closed());
            let keys: Vec<K> = waiting.iter().map(|waiting| waiting.key).collect();
            metrics::histogram!("anb_query_batch_keys", "kind" => self.kind)
                .record(keys.len() as f64);
            // Deprecated name of the same metric.
            metrics::histogram!("anb_gathered_questions", "kind" => self.kind)
                .record(keys.len() as f64);
            let queried = within("batched_lookup", QUERY_TIMEOUT, query(keys)).await;
            let values = queried.unwrap_or_else(|_| Err(self.timed_out.clone()));
            for Waiting { key, answer } in waiting {
                let value = values.as_ref().map(|values| values.get(&key).cloned());
                // Sending fails if the lookup was cancelled.
                let _ = answer.send(value.map_err(E::clone));
            }
            return values.map(|values| values.get(&key).cloned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting<K, V, E>>> {
        // No code that can panic runs under the lock, so a poisoned one is still consistent.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Semaphore;
    use tokio::task::yield_now;

    /// Maps even numbers to their half. Each query takes a permit; its keys are recorded.
    struct Database {
        batcher: QueryBatcher<u32, u32, &'static str>,
        queries: Mutex<Vec<Vec<u32>>>,
        permits: Semaphore,
    }

    impl Database {
        fn new(permits: usize) -> Arc<Self> {
            Arc::new(Self {
                batcher: QueryBatcher::new("test", "late"),
                queries: Mutex::default(),
                permits: Semaphore::new(permits),
            })
        }

        async fn load(self: Arc<Self>, key: u32) -> Result<Option<u32>, &'static str> {
            self.batcher.load(key, |keys| self.query(keys)).await
        }

        async fn query(&self, mut keys: Vec<u32>) -> Result<HashMap<u32, u32>, &'static str> {
            keys.sort_unstable();
            self.queries.lock().unwrap().push(keys.clone());
            self.permits.acquire().await.unwrap().forget();
            if keys.contains(&13) {
                return Err("bad luck");
            }
            Ok(keys.into_iter().filter(|q| q % 2 == 0).map(|q| (q, q / 2)).collect())
        }

        fn queries(&self) -> Vec<Vec<u32>> {
            self.queries.lock().unwrap().clone()
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        // The real clock: some tests pause that of tokio.
        let started = std::time::Instant::now();
        while !condition() {
            assert!(started.elapsed() < Duration::from_secs(10), "the condition is never met");
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn lookups_during_a_query_share_the_next_one() {
        let database = Database::new(0);
        let first = tokio::spawn(Arc::clone(&database).load(2));
        until(|| !database.queries().is_empty()).await;
        let others: Vec<_> =
            [4, 5, 4].map(|q| tokio::spawn(Arc::clone(&database).load(q))).into_iter().collect();
        until(|| database.batcher.lock().len() == 3).await;
        database.permits.add_permits(2);
        assert_eq!(first.await.unwrap(), Ok(Some(1)));
        let mut answers = Vec::new();
        for other in others {
            answers.push(other.await.unwrap());
        }
        assert_eq!(answers, [Ok(Some(2)), Ok(None), Ok(Some(2))]);
        assert_eq!(database.queries(), [vec![2], vec![4, 4, 5]]);
    }

    #[tokio::test]
    async fn a_failed_query_fails_all_its_lookups_but_not_the_next_query() {
        let database = Database::new(0);
        let first = tokio::spawn(Arc::clone(&database).load(2));
        until(|| !database.queries().is_empty()).await;
        let unlucky = [13, 8].map(|q| tokio::spawn(Arc::clone(&database).load(q)));
        until(|| database.batcher.lock().len() == 2).await;
        database.permits.add_permits(3);
        first.await.unwrap().unwrap();
        for unlucky in unlucky {
            assert_eq!(unlucky.await.unwrap(), Err("bad luck"));
        }
        assert_eq!(database.load(8).await, Ok(Some(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_without_an_answer_times_out() {
        let database = Database::new(0);
        let first = tokio::spawn(Arc::clone(&database).load(2));
        until(|| !database.queries().is_empty()).await;
        let second = tokio::spawn(Arc::clone(&database).load(4));
        assert_eq!(first.await.unwrap(), Err("late"));
        database.permits.add_permits(1);
        assert_eq!(second.await.unwrap(), Ok(Some(2)));
    }

    #[tokio::test]
    async fn lookups_start_over_when_the_querying_task_is_cancelled() {
        let database = Database::new(0);
        let first = tokio::spawn(Arc::clone(&database).load(2));
        until(|| !database.queries().is_empty()).await;
        let others = [4, 6].map(|q| tokio::spawn(Arc::clone(&database).load(q)));
        until(|| database.batcher.lock().len() == 2).await;
        // The first task is cancelled; then the one that took its turn.
        first.abort();
        until(|| database.queries().len() == 2).await;
        let [one, other] = others;
        one.abort();
        until(|| database.queries().len() == 3).await;
        database.permits.add_permits(1);
        assert_eq!(other.await.unwrap(), Ok(Some(3)));
    }
}
