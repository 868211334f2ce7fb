//! A TCP proxy that can go silent, as a firewall that forgets its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// A proxy on a port of its own. It ends with the runtime.
pub(crate) struct SilentProxy {
    port: u16,
    upstream: Arc<AtomicU16>,
    /// How often all connections went silent.
    silences: watch::Sender<u64>,
}

impl SilentProxy {
    /// A proxy in front of the database at `url`, and the URL through it.
    pub(crate) async fn in_front_of(url: &str) -> (Self, String) {
        let mut url: Url = url.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            upstream: Arc::new(AtomicU16::new(url.port().unwrap())),
            silences: watch::Sender::new(0),
        };
        url.set_port(Some(proxy.port)).unwrap();
        let (upstream, silences) = (Arc::clone(&proxy.upstream), proxy.silences.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let upstream = upstream.load(Ordering::SeqCst);
                tokio::spawn(carry(client, upstream, silences.subscribe()));
            }
        });
        (proxy, url.into())
    }

    /// Connections that are open now carry no byte any more, and stay open. New ones work.
    pub(crate) fn silence(&self) {
        self.silences.send_modify(|silences| *silences += 1);
    }

    /// New connections lead to another server. Those that are open now keep working.
    pub(crate) fn lead_to(&self, port: u16) {
        self.upstream.store(port, Ordering::SeqCst);
    }
}

async fn carry(client: TcpStream, upstream: u16, mut silences: watch::Receiver<u64>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::select! {
        () = pump(&mut from_client, &mut to_server) => {}
        () = pump(&mut from_server, &mut to_client) => {}
        // The halves are still owned here, so both connections stay open.
        _ = silences.changed() => std::future::pending().await,
    }
}

async fn pump(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
