//! Faults on real parts: the whole system, two processes of each role, while everything that can go
//! wrong does. Clients write down what they are told; afterwards it must be true.
//!
//! `make test` runs a short storm, every fault once. `make soak` runs a long one, of `ROUNDS` rounds.
//! `SEED` decides the order of the faults, how long each lasts, which come together, and what the
//! clients do.

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

    use storm::run;

    /// The same storm each time, so that a run that fails can be told from one that did not.
    const SEED: u64 = 1;
    /// 36 faults each.
    const LONG: u64 = 6;

    fn setting(name: &str, default: u64) -> u64 {
        let given = std::env::var(name).ok();
        given.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_short_storm() {
        run(setting("SEED", SEED), 1).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes ten minutes: make soak"]
    async fn a_long_storm() {
        run(setting("SEED", SEED), setting("ROUNDS", LONG)).await;
    }
}
