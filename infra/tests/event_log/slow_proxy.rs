//! A proxy in front of Kafka that delays what clients send, as a broker in another region does.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// Forwards every connection on `listener` to `upstream`, each chunk of the client after `delay`.
pub(crate) fn start(listener: TcpListener, upstream: u16, delay: Duration) {
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, upstream, delay));
        }
    });
}

async fn pass(client: TcpStream, upstream: u16, delay: Duration) {
    // The client connects again if the broker does not run yet.
    let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_client.read(&mut chunk).await {
        tokio::time::sleep(delay).await;
        if to_server.write_all(&chunk[..read]).await.is_err() {
            break;
        }
    }
    answers.abort();
}
