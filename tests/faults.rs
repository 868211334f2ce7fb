//! Fault injection on real services: two processes of each role, while a nemesis injects faults.
//! Clients record every reply; at the end each reply must be true.
//!
//! `make test` runs one round, which has every fault once. `make soak` runs `ROUNDS` rounds. `SEED`
//! decides the order of the faults, how long each lasts, which coincide, and what the clients do.

#[cfg(test)]
mod faults {
    #[path = "../support/anb.rs"]
    mod anb;
    #[path = "../support/encode.rs"]
    mod encode;

    mod checker;
    mod checker_tests;
    mod client;
    mod clip;
    mod fault_proxy;
    mod fault_run;
    mod final_state;
    mod history;
    mod http_caller;
    mod nemesis;
    mod process;
    mod report;
    mod services;
    mod system;

    use fault_run::run;

    /// Fixed, so that a failure can be compared with earlier runs.
    const DEFAULT_SEED: u64 = 1;
    /// One round has 39 faults.
    const DEFAULT_ROUNDS: u64 = 6;

    fn setting(name: &str, default: u64) -> u64 {
        let given = std::env::var(name).ok();
        given.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_round_of_faults_breaks_no_promise() {
        run(setting("SEED", DEFAULT_SEED), 1).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes ten minutes: make soak"]
    async fn many_rounds_of_faults_break_no_promise() {
        run(setting("SEED", DEFAULT_SEED), setting("ROUNDS", DEFAULT_ROUNDS)).await;
    }
}
