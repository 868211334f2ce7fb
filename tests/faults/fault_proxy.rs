//! A TCP proxy that can delay, stall, refuse and close connections.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const CHUNK: usize = 16 * 1024;

/// The condition of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkCondition {
    Normal,
    /// No bytes pass; connections stay open.
    Stalled,
    /// Every chunk is delayed by this much.
    Slow(Duration),
    /// New connections are closed at once.
    Refusing,
}

impl NetworkCondition {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Stalled => "stalled",
            Self::Slow(_) => "slow",
            Self::Refusing => "refused",
        }
    }
}

/// A proxy on a port of its own. It ends with the runtime.
pub(crate) struct FaultProxy {
    pub(crate) port: u16,
    condition: watch::Sender<NetworkCondition>,
    /// Port of the server behind it; `None` until that server has started.
    upstream: watch::Sender<Option<u16>>,
    cuts: watch::Sender<u64>,
}

impl FaultProxy {
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let link = Self {
            port: listener.local_addr()?.port(),
            condition: watch::Sender::new(NetworkCondition::Normal),
            upstream: watch::Sender::new(None),
            cuts: watch::Sender::new(0),
        };
        let (condition, upstream, cuts) =
            (link.condition.subscribe(), link.upstream.subscribe(), link.cuts.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *condition.borrow() == NetworkCondition::Refusing {
                    continue;
                }
                let Some(port) = *upstream.borrow() else { continue };
                tokio::spawn(carry(client, port, condition.clone(), cuts.clone()));
            }
        });
        Ok(link)
    }

    pub(crate) fn forward_to(&self, port: u16) {
        self.upstream.send_replace(Some(port));
    }

    pub(crate) fn set(&self, condition: NetworkCondition) {
        self.condition.send_replace(condition);
    }

    /// Closes every connection at once.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn carry(
    client: TcpStream,
    port: u16,
    condition: watch::Receiver<NetworkCondition>,
    mut cuts: watch::Receiver<u64>,
) {
    cuts.mark_unchanged();
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    // Nagle's algorithm would delay a chunk until the previous one is acknowledged.
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, condition.clone()) => {}
        () = pump(from_server, to_client, condition) => {}
        _ = cuts.changed() => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut condition: watch::Receiver<NetworkCondition>,
) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        // Fails if the proxy was dropped; then nothing holds the chunk back.
        let now = condition.wait_for(|condition| *condition != NetworkCondition::Stalled).await;
        let now = now.map_or(NetworkCondition::Normal, |condition| *condition);
        if let NetworkCondition::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
