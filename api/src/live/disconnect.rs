//! Closing a connection whose client does not read.

use tokio_util::sync::CancellationToken;

/// Asks the server to close a connection at once. While the client reads nothing, the server never
/// polls the response body, so the body cannot end the stream by itself. The server adds one to the
/// extensions of each request. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Disconnect(CancellationToken);

impl Disconnect {
    /// Asks for the connection to be closed.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Completes once [`Self::request`] has been called.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether [`Self::request`] has been called.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}
