//! The test harness: environments (database, log, storage), servers that run in them, and clients.

#[path = "../support/anb.rs"]
mod anb;
#[path = "../support/encode.rs"]
mod encode;

pub(super) mod access_token;
pub(super) mod api_response;
pub(super) mod chromium;
pub(super) mod client;
pub(super) mod clip;
pub(super) mod environment;
pub(super) mod event_stream;
pub(super) mod faulty_proxy;
pub(super) mod gated_commands;
pub(super) mod load_balancer;
pub(super) mod raw_record;
pub(super) mod seeded_videos;
pub(super) mod server;
pub(super) mod silent_proxy;
pub(super) mod tus;
pub(super) mod visitor;
pub(super) mod vote_load;
pub(super) mod wait;

pub(super) use api_response::ApiResponse;
pub(super) use client::{ApiClient, Person, Upload};
pub(super) use environment::TestEnvironment;
pub(super) use server::{Roles, Server};
pub(super) use wait::{TEST_TIMEOUT, eventually};

/// Makes two tests of a function: one with an embedded environment, one with a cluster.
macro_rules! test_on_both_backends {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            #[tokio::test(flavor = "multi_thread")]
            async fn embedded() {
                super::$test($crate::e2e::harness::TestEnvironment::embedded().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn cluster() {
                super::$test($crate::e2e::harness::TestEnvironment::cluster().await).await;
            }
        }
    )+};
}

/// Checks every rule, also after one has failed, and names those that do not hold.
macro_rules! check_rules {
    ($context:expr; $($rule:ident),+ $(,)?) => {{
        let mut broken = Vec::new();
        $(
            let rule = std::panic::AssertUnwindSafe($rule($context));
            if futures_util::FutureExt::catch_unwind(rule).await.is_err() {
                broken.push(stringify!($rule));
            }
        )+
        assert!(broken.is_empty(), "these rules do not hold: {broken:#?}");
    }};
}
