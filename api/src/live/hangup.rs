//! Ending a connection on which nothing moves.

use tokio_util::sync::CancellationToken;

/// Asks the server to close a connection at once, also while the client reads nothing: an answer that
/// cannot be sent would never be asked for its end. The server puts one among the extensions of each
/// request. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Hangup(CancellationToken);

impl Hangup {
    /// Asks for it.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Waits until somebody asks for it.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether somebody has asked for it.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}
