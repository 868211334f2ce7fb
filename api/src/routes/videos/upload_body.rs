//! Bounds the body of an upload in size, time and memory.
//!
//! The multipart parser copies all ready chunks of its source into one buffer. So this source yields one
//! chunk at a time. It aborts when many chunks in a row yield nothing usable, as an endless preamble or
//! endless headers of a part do.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::Stream;
use tokio::time::{Instant, Sleep};

use crate::error::{ApiError, BodyError, VideoError};

/// A body without a chunk for this long is aborted.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The least average rate of an upload, measured after [`RATE_GRACE`].
const MIN_BYTES_PER_SECOND: u64 = 4 * 1024;
const RATE_GRACE: Duration = Duration::from_secs(60);
/// The longest preamble, and the longest headers of a part, in bytes.
const MAX_UNUSED_BYTES: usize = 1024 * 1024;

/// Why a body was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    TooLarge,
    TooSlow,
    NothingUsable,
}

/// Shared by the reader of a body and its source.
#[derive(Clone, Default)]
pub(crate) struct Monitor(Arc<MonitorState>);

#[derive(Default)]
struct MonitorState {
    fault: OnceLock<Fault>,
    unused: AtomicUsize,
}

impl Monitor {
    /// The reader has used all bytes so far.
    pub(crate) fn progress(&self) {
        self.0.unused.store(0, Ordering::Relaxed);
    }

    /// The error of an aborted body.
    pub(crate) fn error(&self) -> ApiError {
        match self.0.fault.get() {
            Some(Fault::TooLarge) => VideoError::TooLarge.into(),
            Some(Fault::TooSlow) => BodyError::Timeout.into(),
            Some(Fault::NothingUsable) => {
                ApiError::MultipartMalformed("The multipart body has no end of headers.")
            }
            None => BodyError::Broken.into(),
        }
    }

    fn fault(&self, fault: Fault) -> io::Error {
        // The first one counts.
        let _ = self.0.fault.set(fault);
        io::Error::other("the upload was aborted")
    }
}

/// The body as a bounded stream.
pub(crate) struct UploadBody {
    inner: BodyDataStream,
    monitor: Monitor,
    max_bytes: u64,
    received: u64,
    began: Instant,
    idle: Pin<Box<Sleep>>,
    /// Whether to yield to the parser before the next chunk.
    pause: bool,
}

impl UploadBody {
    /// At most `max_bytes` of `body`.
    pub(crate) fn new(body: Body, max_bytes: u64, monitor: Monitor) -> Self {
        Self {
            inner: body.into_data_stream(),
            monitor,
            max_bytes,
            received: 0,
            began: Instant::now(),
            idle: Box::pin(tokio::time::sleep(IDLE_TIMEOUT)),
            pause: false,
        }
    }

    fn accept(&mut self, chunk: Bytes) -> io::Result<Bytes> {
        self.received += chunk.len() as u64;
        if self.received > self.max_bytes {
            return Err(self.monitor.fault(Fault::TooLarge));
        }
        let allowed = RATE_GRACE + Duration::from_secs(self.received / MIN_BYTES_PER_SECOND);
        if self.began.elapsed() > allowed {
            return Err(self.monitor.fault(Fault::TooSlow));
        }
        let before = self.monitor.0.unused.fetch_add(chunk.len(), Ordering::Relaxed);
        if before > MAX_UNUSED_BYTES {
            return Err(self.monitor.fault(Fault::NothingUsable));
        }
        self.idle.as_mut().reset(Instant::now() + IDLE_TIMEOUT);
        Ok(chunk)
    }
}

impl Stream for UploadBody {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        match Pin::new(&mut this.inner).poll_next(context) {
            Poll::Ready(Some(Ok(chunk))) => {
                this.pause = true;
                Poll::Ready(Some(this.accept(chunk)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(io::Error::other(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match this.idle.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(this.monitor.fault(Fault::TooSlow)))),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};

    /// Reads `chunks` of 1,000 bytes, `every` apart, with `use_them` after each one.
    async fn read(chunks: usize, every: Duration, use_them: bool) -> (usize, Monitor) {
        let source = stream::iter(0..chunks).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, io::Error>(Bytes::from_static(&[0; 1000]))
        });
        let monitor = Monitor::default();
        let mut body = UploadBody::new(Body::from_stream(source), 3_000_000, monitor.clone());
        let mut taken = 0;
        while let Some(Ok(_)) = body.next().await {
            taken += 1;
            if use_them {
                monitor.progress();
            }
        }
        (taken, monitor)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_within_its_bounds_is_read_to_the_end() {
        let (taken, monitor) = read(3000, Duration::from_millis(10), true).await;
        assert_eq!((taken, monitor.0.fault.get()), (3000, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_exceeds_a_bound_is_aborted() {
        let fault = async |chunks, every, use_them| {
            read(chunks, every, use_them).await.1.0.fault.get().copied()
        };
        let quick = Duration::from_millis(1);
        assert_eq!(fault(3001, quick, true).await, Some(Fault::TooLarge));
        assert_eq!(fault(3000, quick, false).await, Some(Fault::NothingUsable));
        assert_eq!(fault(2, Duration::from_secs(31), true).await, Some(Fault::TooSlow));
        assert_eq!(fault(3000, Duration::from_secs(1), true).await, Some(Fault::TooSlow));
    }
}
