//! `GET /health`: liveness.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The process is alive.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alive {
    #[schema(example = "healthy")]
    status: &'static str,
    #[schema(example = "1.0.0")]
    version: &'static str,
}

/// Whether the process is alive.
#[utoipa::path(get, path = "/health", tag = "system", responses((status = 200, body = Alive)))]
pub(crate) async fn health() -> Json<Alive> {
    Json(Alive { status: "healthy", version: env!("CARGO_PKG_VERSION") })
}
