//! What scenarios are made of: a world (database, log, storage), servers in it, clients of those.

pub(super) mod answer;
pub(super) mod balancer;
pub(super) mod ballot;
pub(super) mod chromium;
pub(super) mod client;
pub(super) mod clip;
pub(super) mod events;
pub(super) mod line;
pub(super) mod raw;
pub(super) mod seed;
pub(super) mod server;
pub(super) mod token;
pub(super) mod tus;
pub(super) mod visitor;
pub(super) mod world;

use std::time::{Duration, Instant};

pub(super) use answer::Answer;
pub(super) use client::{Api, Person, Upload};
pub(super) use server::{Roles, Server};
pub(super) use world::World;

/// Longer than anything takes that works, even on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Asks until there is an answer; panics once patience has run out.
pub(super) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Makes a test of a scenario on each combination.
macro_rules! on_both {
    ($($scenario:ident),+ $(,)?) => {$(
        mod $scenario {
            #[tokio::test(flavor = "multi_thread")]
            async fn embedded() {
                super::$scenario($crate::e2e::harness::World::embedded().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn cluster() {
                super::$scenario($crate::e2e::harness::World::cluster().await).await;
            }
        }
    )+};
}

/// Runs every row of a contract, also after one has failed, and names those that do not hold.
macro_rules! hold {
    ($context:expr; $($row:ident),+ $(,)?) => {{
        let mut broken = Vec::new();
        $(
            let row = std::panic::AssertUnwindSafe($row($context));
            if futures_util::FutureExt::catch_unwind(row).await.is_err() {
                broken.push(stringify!($row));
            }
        )+
        assert!(broken.is_empty(), "these do not hold: {broken:#?}");
    }};
}
