//! A TCP proxy in front of the S3 server that fails one kind of request.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What becomes of a request that carries the word.
#[derive(Clone, Copy)]
enum Fate {
    /// Nothing more is heard.
    Stall,
    /// The connection is cut.
    Cut,
}

/// Passes everything on, except requests whose first line carries a word.
pub(crate) struct StallingProxy {
    pub(crate) endpoint: String,
    stalled: Arc<Notify>,
}

impl StallingProxy {
    /// Requests with `word` get no answer.
    pub(crate) async fn start(upstream: &str, word: &'static str) -> Self {
        Self::with(upstream, word, Fate::Stall).await
    }

    /// Requests with `word` lose their connection.
    pub(crate) async fn cutting(upstream: &str, word: &'static str) -> Self {
        Self::with(upstream, word, Fate::Cut).await
    }

    /// Waits until a request has stalled.
    pub(crate) async fn stalled(&self) {
        self.stalled.notified().await;
    }

    async fn with(upstream: &str, word: &'static str, fate: Fate) -> Self {
        let upstream = upstream.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let stalled = Arc::new(Notify::new());
        tokio::spawn({
            let stalled = Arc::clone(&stalled);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(pass(client, upstream.clone(), word, fate, Arc::clone(&stalled)));
                }
            }
        });
        Self { endpoint, stalled }
    }
}

async fn pass(
    client: TcpStream,
    upstream: String,
    word: &'static str,
    fate: Fate,
    stalled: Arc<Notify>,
) {
    let server = TcpStream::connect(upstream).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = from_client.read(&mut chunk).await.unwrap_or(0);
        if read == 0 {
            break;
        }
        if contains(&chunk[..read], word.as_bytes()) {
            match fate {
                Fate::Stall => {
                    stalled.notify_one();
                    std::future::pending::<()>().await;
                }
                Fate::Cut => break,
            }
        }
        if to_server.write_all(&chunk[..read]).await.is_err() {
            break;
        }
    }
    answers.abort();
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
