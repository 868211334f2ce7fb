//! Questions that many ask at once, each about something else, with one query for all of them.
//!
//! A burst of people whom a process does not know yet would otherwise take a connection each, and all
//! wait for one another. Here a question that comes alone is asked at once; those that come while one
//! query is under way share the next one. So nobody waits for more than two queries, unless whoever
//! asks for the others goes away in the middle; and what one query cannot answer fails all who share it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// A connection may be dead without a word, and then everybody would wait for whoever has it.
/// Longer than the pool lets anybody wait for a connection.
const PATIENCE: Duration = Duration::from_secs(8);
/// In words.
pub(crate) const NO_ANSWER: &str = "no answer in time";

/// Gathers questions of one kind. Each request that is let in has one at a time.
pub(crate) struct QueryBatcher<Q, A, E> {
    /// A word for metrics.
    kind: &'static str,
    /// The error of a query that takes longer than [`PATIENCE`].
    late: E,
    waiting: Mutex<Vec<Waiting<Q, A, E>>>,
    turn: tokio::sync::Mutex<()>,
}

struct Waiting<Q, A, E> {
    question: Q,
    answer: oneshot::Sender<Result<Option<A>, E>>,
}

impl<Q: Copy + Eq + Hash, A: Clone, E: Clone> QueryBatcher<Q, A, E> {
    pub(crate) fn new(kind: &'static str, late: E) -> Self {
        Self { kind, late, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The answer to `question`, from a query that began after it was asked. `query` answers many: those
    /// that are missing in what it returns have none.
    ///
    /// # Errors
    /// What the query says, or that it was late, to all who shared it.
    pub(crate) async fn load<F>(
        &self,
        question: Q,
        query: impl Fn(Vec<Q>) -> F,
    ) -> Result<Option<A>, E>
    where
        F: Future<Output = Result<HashMap<Q, A>, E>>,
    {
        loop {
            let (sender, mut answer) = oneshot::channel();
            self.lock().push(Waiting { question, answer: sender });
            let _turn = tokio::select! {
                biased;
                answered = &mut answer => match answered {
                    Ok(answered) => return answered,
                    // Whoever asked for us has gone away.
                    Err(_) => continue,
                },
                turn = self.turn.lock() => turn,
            };
            match answer.try_recv() {
                Ok(answered) => return answered,
                Err(oneshot::error::TryRecvError::Closed) => continue,
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            // Ours is among them.
            let mut waiting = std::mem::take(&mut *self.lock());
            waiting.retain(|waiting| !waiting.answer.is_closed());
            let questions: Vec<Q> = waiting.iter().map(|waiting| waiting.question).collect();
            metrics::histogram!("anb_gathered_questions", "kind" => self.kind)
                .record(questions.len() as f64);
            let queried = tokio::time::timeout(PATIENCE, query(questions)).await;
            let answers = queried.unwrap_or_else(|_| Err(self.late.clone()));
            for Waiting { question, answer } in waiting {
                let found = answers.as_ref().map(|answers| answers.get(&question).cloned());
                // Whoever has gone away needs no answer.
                let _ = answer.send(found.map_err(E::clone));
            }
            return answers.map(|answers| answers.get(&question).cloned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting<Q, A, E>>> {
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

    /// Answers even numbers with their half, one query for each permit; remembers what it was asked.
    struct Database {
        batcher: QueryBatcher<u32, u32, &'static str>,
        asked: Mutex<Vec<Vec<u32>>>,
        permits: Semaphore,
    }

    impl Database {
        fn new(permits: usize) -> Arc<Self> {
            Arc::new(Self {
                batcher: QueryBatcher::new("test", "late"),
                asked: Mutex::default(),
                permits: Semaphore::new(permits),
            })
        }

        async fn load(self: Arc<Self>, question: u32) -> Result<Option<u32>, &'static str> {
            self.batcher.load(question, |questions| self.query(questions)).await
        }

        async fn query(&self, mut questions: Vec<u32>) -> Result<HashMap<u32, u32>, &'static str> {
            questions.sort_unstable();
            self.asked.lock().unwrap().push(questions.clone());
            self.permits.acquire().await.unwrap().forget();
            if questions.contains(&13) {
                return Err("bad luck");
            }
            Ok(questions.into_iter().filter(|q| q % 2 == 0).map(|q| (q, q / 2)).collect())
        }

        fn asked(&self) -> Vec<Vec<u32>> {
            self.asked.lock().unwrap().clone()
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        // By the real clock: some of the tests stop the other one.
        let started = std::time::Instant::now();
        while !condition() {
            assert!(started.elapsed() < Duration::from_secs(10), "it does not come about");
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn those_that_come_meanwhile_share_the_next_query() {
        let database = Database::new(0);
        let first = tokio::spawn(Arc::clone(&database).load(2));
        until(|| !database.asked().is_empty()).await;
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
        assert_eq!(database.asked(), [vec![2], vec![4, 4, 5]]);
    }

    #[tokio::test]
    async fn who_shares_a_query_shares_its_failure_and_the_next_one_is_another() {
        let database = Database::new(0);
        let first = tokio::spawn(Arc::clone(&database).load(2));
        until(|| !database.asked().is_empty()).await;
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
    async fn a_query_without_an_answer_holds_nobody_up_for_long() {
        let database = Database::new(0);
        let first = tokio::spawn(Arc::clone(&database).load(2));
        until(|| !database.asked().is_empty()).await;
        let second = tokio::spawn(Arc::clone(&database).load(4));
        assert_eq!(first.await.unwrap(), Err("late"));
        database.permits.add_permits(1);
        assert_eq!(second.await.unwrap(), Ok(Some(2)));
    }

    #[tokio::test]
    async fn those_whom_somebody_asked_for_ask_again_when_they_go_away() {
        let database = Database::new(0);
        let first = tokio::spawn(Arc::clone(&database).load(2));
        until(|| !database.asked().is_empty()).await;
        let others = [4, 6].map(|q| tokio::spawn(Arc::clone(&database).load(q)));
        until(|| database.batcher.lock().len() == 2).await;
        // The client of the first hangs up; then that of whoever took the turn.
        first.abort();
        until(|| database.asked().len() == 2).await;
        let [one, other] = others;
        one.abort();
        until(|| database.asked().len() == 3).await;
        database.permits.add_permits(1);
        assert_eq!(other.await.unwrap(), Ok(Some(3)));
    }
}
