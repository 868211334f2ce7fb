//! `GET /ready`: readiness, by the state of every part that requests depend on.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::health::{Check, Health};

/// Whether requests can be served.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`, or `unavailable`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Each part: `ok`, `impaired: ` and what of it does not work, or what is wrong with it.
    checks: BTreeMap<&'static str, String>,
}

/// Whether requests can be served.
#[utoipa::path(
    get, path = "/ready", tag = "system",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)),
)]
pub(crate) async fn ready(State(health): State<Arc<dyn Health>>) -> Response {
    let checks = health.checks().await;
    let is_ready = checks.iter().all(|check| check.problem.is_none());
    let readiness = Readiness {
        status: if is_ready { "ready" } else { "unavailable" },
        checks: checks.into_iter().map(|check| (check.name, state_of(check))).collect(),
    };
    if is_ready {
        return Json(readiness).into_response();
    }
    let headers = [(RETRY_AFTER, HeaderValue::from_static("1"))];
    (StatusCode::SERVICE_UNAVAILABLE, headers, Json(readiness)).into_response()
}

fn state_of(check: Check) -> String {
    match (check.problem, check.impairment) {
        (Some(problem), _) => problem,
        (None, Some(impairment)) => format!("impaired: {impairment}"),
        (None, None) => "ok".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impaired_part_is_named_and_serves() {
        let impairment = Some("no leader answers for partition 3".to_owned());
        let check = Check { impairment, ..Check::with("log", None) };
        assert_eq!(state_of(check), "impaired: no leader answers for partition 3");
    }
}
