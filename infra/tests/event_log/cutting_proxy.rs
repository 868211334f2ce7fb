//! A proxy in front of Postgres that forwards a commit and drops its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct CuttingProxy {
    pub(crate) port: u16,
    armed: Arc<AtomicBool>,
}

impl CuttingProxy {
    pub(crate) async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let armed = Arc::new(AtomicBool::new(false));
        tokio::spawn({
            let armed = Arc::clone(&armed);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(pass(client, upstream, Arc::clone(&armed)));
                }
            }
        });
        Self { port, armed }
    }

    /// The next commit gets no answer: its connection is cut.
    pub(crate) fn cut_next_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, upstream: u16, armed: Arc<AtomicBool>) {
    let server = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_client.read(&mut chunk).await {
        let commits = chunk[..read].windows(6).any(|word| word.eq_ignore_ascii_case(b"commit"));
        let cut = commits && armed.swap(false, Ordering::SeqCst);
        if cut {
            answers.abort();
        }
        if to_server.write_all(&chunk[..read]).await.is_err() || cut {
            break;
        }
    }
    answers.abort();
}
