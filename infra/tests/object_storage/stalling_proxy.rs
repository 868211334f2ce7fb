//! A TCP proxy in front of the S3 server that fails one kind of request.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens to a request that contains the word.
#[derive(Clone, Copy)]
enum Fate {
    /// The proxy sends nothing more.
    Stall,
    /// The connection is cut.
    Cut,
}

/// The fault that the proxy injects.
#[derive(Clone, Copy)]
struct Fault {
    /// In requests that contain this word.
    word: &'static str,
    fate: Fate,
    /// The connection is cut after this many bytes of answers.
    most_answered: u64,
}

/// Forwards all bytes except where the fault applies.
pub(crate) struct StallingProxy {
    pub(crate) endpoint: String,
    stalled: Arc<Notify>,
}

impl StallingProxy {
    /// Requests with `word` get no answer.
    pub(crate) async fn start(upstream: &str, word: &'static str) -> Self {
        Self::with(upstream, Fault { word, fate: Fate::Stall, most_answered: u64::MAX }).await
    }

    /// Requests with `word` lose their connection.
    pub(crate) async fn cutting(upstream: &str, word: &'static str) -> Self {
        Self::with(upstream, Fault { word, fate: Fate::Cut, most_answered: u64::MAX }).await
    }

    /// Answers end after `most_answered` bytes.
    pub(crate) async fn truncating(upstream: &str, most_answered: u64) -> Self {
        let word = "no request carries this";
        Self::with(upstream, Fault { word, fate: Fate::Cut, most_answered }).await
    }

    /// Waits until a request has stalled.
    pub(crate) async fn stalled(&self) {
        self.stalled.notified().await;
    }

    async fn with(upstream: &str, fault: Fault) -> Self {
        let upstream = upstream.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let stalled = Arc::new(Notify::new());
        tokio::spawn({
            let stalled = Arc::clone(&stalled);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(pass(client, upstream.clone(), fault, Arc::clone(&stalled)));
                }
            }
        });
        Self { endpoint, stalled }
    }
}

async fn pass(client: TcpStream, upstream: String, fault: Fault, stalled: Arc<Notify>) {
    let server = TcpStream::connect(upstream).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let mut answers = from_server.take(fault.most_answered);
    let answers = tokio::spawn(async move {
        let copied = copy(&mut answers, &mut to_client).await;
        to_client.shutdown().await.and(copied)
    });
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = from_client.read(&mut chunk).await.unwrap_or(0);
        if read == 0 {
            break;
        }
        if contains(&chunk[..read], fault.word.as_bytes()) {
            match fault.fate {
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
