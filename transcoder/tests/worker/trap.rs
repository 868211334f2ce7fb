//! A trap on the way of a job: who steps into it goes no further.

use std::sync::Mutex;

use tokio::sync::Notify;

/// Where a trap can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The job is claimed, nothing else is done.
    Claimed,
    /// Before the report that an attempt begins is in the log.
    BeforeStarted,
    /// After it is, before anybody has heard of it.
    AfterStarted,
    /// In the middle of storing the finished video.
    Upload,
    /// Before the report of the end is in the log.
    BeforeEnd,
    /// After it is, before anybody has heard of it.
    AfterEnd,
}

#[derive(Default)]
pub(crate) struct Trap {
    armed: Mutex<Option<Point>>,
    sprung: Notify,
}

impl Trap {
    /// The next one who comes to this point is caught.
    pub(crate) fn arm(&self, point: Point) {
        *self.armed.lock().unwrap() = Some(point);
    }

    /// Waits until somebody is caught.
    pub(crate) async fn sprung(&self) {
        self.sprung.notified().await;
    }

    pub(crate) async fn pass(&self, point: Point) {
        let caught = self.armed.lock().unwrap().take_if(|armed| *armed == point).is_some();
        if caught {
            self.sprung.notify_one();
            std::future::pending::<()>().await;
        }
    }
}
