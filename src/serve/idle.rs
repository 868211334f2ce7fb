//! Closes connections on which nobody asks anything: a client has so long to send the head of a
//! request, and may keep a connection without one so long.
//!
//! hyper has a timeout for this, too. It costs every request a timer, and a read before there is
//! anything to read; this costs two additions.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{MissedTickBehavior, interval};

/// Looks come so often,
const LOOK: Duration = Duration::from_secs(10);
/// and whoever was idle at so many in a row is gone: after 30 s at least, and 40 at most.
const PATIENCE: u32 = 3;

/// Whether a connection is in use. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Usage(Arc<AtomicU32>);

/// A request under way. Over when dropped.
pub(super) struct InUse(Usage);

/// An answer on its way out, which uses the connection until its last byte is written, or as good as:
/// whoever does not take in the rest, 64 KiB at most, before they count as idle, has gone.
pub(super) struct Outgoing {
    body: Body,
    _in_use: InUse,
}

impl Usage {
    /// A request begins. There is one at a time.
    pub(super) fn begin(&self) -> InUse {
        self.0.fetch_add(1, Ordering::Relaxed);
        InUse(self.clone())
    }

    /// Waits until the connection has been idle for too long.
    pub(super) async fn over(&self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.tick().await;
        let (mut seen, mut idle) = (self.steps(), 0);
        while idle < PATIENCE {
            looks.tick().await;
            let steps = self.steps();
            let in_use = !steps.is_multiple_of(2);
            idle = if in_use || steps != seen { 0 } else { idle + 1 };
            seen = steps;
        }
    }

    /// Beginnings and ends of requests so far: odd while one is under way.
    fn steps(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl InUse {
    pub(super) fn until_sent(self, body: Body) -> Outgoing {
        Outgoing { body, _in_use: self }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
