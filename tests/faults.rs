//! Faults on real parts: the whole system, two processes of each role, while everything that can go
//! wrong does. Clients write down what they are told; afterwards it must be true.
//!
//! `make test` runs a short storm. `make soak` runs a long one: `FAULTS` of them, from `SEED` on.

#[cfg(test)]
mod faults {
    mod caller;
    mod checker;
    mod client;
    mod clip;
    mod facts;
    mod history;
    mod nemesis;
    mod process;
    mod proxy;
    mod report;
    mod services;
    mod stack;
    mod storm;

    use std::time::Duration;

    use storm::{Until, run};

    /// A new seed each day, so that runs of one day can be compared.
    fn seed() -> u64 {
        let given = std::env::var("SEED").ok();
        let today = chrono::Utc::now().timestamp().unsigned_abs() / 86_400;
        given.map_or(today, |seed| seed.parse().expect("SEED is a number"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_short_storm() {
        run(seed(), Until::Elapsed(Duration::from_secs(60))).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes a quarter of an hour: make soak"]
    async fn a_long_storm() {
        let faults = std::env::var("FAULTS").ok();
        let faults = faults.map_or(250, |faults| faults.parse().expect("FAULTS is a number"));
        run(seed(), Until::Faults(faults)).await;
    }
}
