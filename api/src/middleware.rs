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

pub(crate) use admit::Doors;
pub(crate) use headers::cors;
pub(crate) use observe::Tally;
pub(crate) use request_id::{HEADER as REQUEST_ID, RequestId};

use crate::pages::Front;
use crate::routes::uploads::protocol::Conversation;

use drain::drain;
use headers::secure;
use observe::Observation;
use panics::survive;

/// What all requests have in common.
pub(crate) struct Hall {
    pub(crate) doors: Doors,
    pub(crate) front: Arc<Front>,
    pub(crate) max_video_size: u64,
}

/// Around everything else. One layer does it all, because the router boxes each one anew for every
/// request.
pub(crate) async fn around(
    State(hall): State<Arc<Hall>>,
    mut request: Request,
    next: Next,
) -> Response {
    let observation = Observation::begin(&mut request);
    let conversation = Conversation::of(&request);
    let key = hall.front.key(&request);
    let answer = drain(request, |request| survive(hall.doors.admit(request, next)));
    let mut response = observation.around(answer).await;
    secure(&mut response);
    if let Some(conversation) = conversation {
        conversation.mark(&mut response, hall.max_video_size);
    }
    let tally = observation.end(&mut response);
    if let Some(key) = key {
        hall.front.keep(key, &mut response, tally);
    }
    response
}
