//! What happens to every request, whichever route it takes.

mod admit;
mod drain;
mod headers;
mod observe;
mod panics;
mod request_id;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

pub(crate) use admit::Doors;
pub(crate) use headers::cors;
pub(crate) use request_id::RequestId;

use drain::drain;
use headers::secure;
use observe::Observation;
use panics::survive;

/// Around everything else. One layer does it all, because the router boxes each one anew for every
/// request.
pub(crate) async fn around(
    State(doors): State<Arc<Doors>>,
    mut request: Request,
    next: Next,
) -> Response {
    let observation = Observation::begin(&mut request);
    let answer = drain(request, |request| survive(doors.admit(request, next)));
    let mut response = answer.instrument(observation.span()).await;
    secure(&mut response);
    observation.end(&mut response);
    response
}
