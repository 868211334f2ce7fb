//! What happens to every request, whichever route it takes.

mod admit;
mod drain;
mod headers;
mod observe;
mod panics;
mod request_id;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

pub(crate) use admit::Doors;
pub(crate) use headers::cors;
pub(crate) use request_id::RequestId;

use crate::app::Shared;
use crate::routes::uploads::protocol::Conversation;

use drain::drain;
use headers::secure;
use observe::Observation;
use panics::survive;

/// Around everything else. One layer does it all, because the router boxes each one anew for every
/// request.
pub(crate) async fn around(
    State(state): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let observation = Observation::begin(&mut request);
    let conversation = Conversation::of(&request);
    let answer = drain(request, |request| survive(state.doors.admit(request, next)));
    let mut response = answer.instrument(observation.span()).await;
    secure(&mut response);
    if let Some(conversation) = conversation {
        conversation.mark(&mut response, state.app.settings.max_video_size);
    }
    observation.end(&mut response);
    response
}
