//! Fail points: a worker that reaches an armed point stops there for ever.

use std::sync::Mutex;

use tokio::sync::Notify;

/// A step of a job at which a worker can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailPoint {
    /// The job is claimed; nothing else is done.
    Claimed,
    /// Before `processing_started` is in the log.
    BeforeStarted,
    /// `processing_started` is in the log; the worker has no answer yet.
    AfterStarted,
    /// In the middle of storing the finished video.
    Upload,
    /// Before the final report is in the log.
    BeforeEnd,
    /// The final report is in the log; the worker has no answer yet.
    AfterEnd,
}

#[derive(Default)]
pub(crate) struct FailPoints {
    armed: Mutex<Option<FailPoint>>,
    hit: Notify,
}

impl FailPoints {
    /// The next worker that reaches this point stops there.
    pub(crate) fn arm(&self, point: FailPoint) {
        *self.armed.lock().unwrap() = Some(point);
    }

    /// Waits until a worker has stopped.
    pub(crate) async fn wait_until_hit(&self) {
        self.hit.notified().await;
    }

    /// Called by the doubles of log and storage at this point of the job.
    pub(crate) async fn reach(&self, point: FailPoint) {
        let hit = self.armed.lock().unwrap().take_if(|armed| *armed == point).is_some();
        if hit {
            self.hit.notify_one();
            std::future::pending::<()>().await;
        }
    }
}
