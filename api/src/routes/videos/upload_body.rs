//! The body of an upload, kept within bounds of size, time and memory.
//!
//! The multipart parser copies whatever its source has ready into one buffer. So the source lets go
//! of one chunk at a time, and breaks off when chunk after chunk yields nothing that anybody can
//! use: a preamble or a part's headers without end.

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

/// The longest silence.
const MAX_SILENCE: Duration = Duration::from_secs(30);
/// For so long an upload may be as slow as it likes, and from then on not slower, on the whole,
/// than this.
const GRACE: Duration = Duration::from_secs(60);
const MIN_BYTES_PER_SECOND: u64 = 4 * 1024;
/// The most that a part's headers, or what precedes the first part, may take.
const MAX_SHAPELESS: usize = 1024 * 1024;

/// Why a body was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    TooLarge,
    TooSlow,
    Shapeless,
}

/// What the reader of a body and its source tell each other.
#[derive(Clone, Default)]
pub(crate) struct Monitor(Arc<Shared>);

#[derive(Default)]
struct Shared {
    fault: OnceLock<Fault>,
    unused: AtomicUsize,
}

impl Monitor {
    /// What has come so far has been made use of.
    pub(crate) fn progress(&self) {
        self.0.unused.store(0, Ordering::Relaxed);
    }

    /// What to say if the body broke off.
    pub(crate) fn error(&self) -> ApiError {
        match self.0.fault.get() {
            Some(Fault::TooLarge) => VideoError::TooLarge.into(),
            Some(Fault::TooSlow) => BodyError::Timeout.into(),
            Some(Fault::Shapeless) => {
                ApiError::MultipartMalformed("The multipart body has no end of headers.")
            }
            None => BodyError::Broken.into(),
        }
    }

    fn fault(&self, fault: Fault) -> io::Error {
        // The first one counts.
        let _ = self.0.fault.set(fault);
        io::Error::other("the upload was broken off")
    }
}

/// The body as a bounded stream.
pub(crate) struct UploadBody {
    inner: BodyDataStream,
    monitor: Monitor,
    max_bytes: u64,
    received: u64,
    began: Instant,
    silence: Pin<Box<Sleep>>,
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
            silence: Box::pin(tokio::time::sleep(MAX_SILENCE)),
            pause: false,
        }
    }

    fn accept(&mut self, chunk: Bytes) -> io::Result<Bytes> {
        self.received += chunk.len() as u64;
        if self.received > self.max_bytes {
            return Err(self.monitor.fault(Fault::TooLarge));
        }
        let allowed = GRACE + Duration::from_secs(self.received / MIN_BYTES_PER_SECOND);
        if self.began.elapsed() > allowed {
            return Err(self.monitor.fault(Fault::TooSlow));
        }
        let before = self.monitor.0.unused.fetch_add(chunk.len(), Ordering::Relaxed);
        if before > MAX_SHAPELESS {
            return Err(self.monitor.fault(Fault::Shapeless));
        }
        self.silence.as_mut().reset(Instant::now() + MAX_SILENCE);
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
            Poll::Pending => match this.silence.as_mut().poll(context) {
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
    async fn a_body_within_bounds_comes_whole() {
        let (taken, monitor) = read(3000, Duration::from_millis(10), true).await;
        assert_eq!((taken, monitor.0.fault.get()), (3000, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_out_of_bounds_is_broken_off() {
        let fault = async |chunks, every, use_them| {
            read(chunks, every, use_them).await.1.0.fault.get().copied()
        };
        let quick = Duration::from_millis(1);
        assert_eq!(fault(3001, quick, true).await, Some(Fault::TooLarge));
        assert_eq!(fault(3000, quick, false).await, Some(Fault::Shapeless));
        assert_eq!(fault(2, Duration::from_secs(31), true).await, Some(Fault::TooSlow));
        assert_eq!(fault(3000, Duration::from_secs(1), true).await, Some(Fault::TooSlow));
    }
}
