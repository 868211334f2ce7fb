//! A TCP proxy that can delay, stall, refuse, close and forget connections.

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
    silences: watch::Sender<u64>,
}

impl FaultProxy {
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let link = Self {
            port: listener.local_addr()?.port(),
            condition: watch::Sender::new(NetworkCondition::Normal),
            upstream: watch::Sender::new(None),
            cuts: watch::Sender::new(0),
            silences: watch::Sender::new(0),
        };
        let (condition, upstream) = (link.condition.subscribe(), link.upstream.subscribe());
        let (cuts, silences) = (link.cuts.subscribe(), link.silences.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *condition.borrow() == NetworkCondition::Refusing {
                    continue;
                }
                let Some(port) = *upstream.borrow() else { continue };
                let (cuts, silences) = (cuts.clone(), silences.clone());
                tokio::spawn(carry(client, port, condition.clone(), cuts, silences));
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

    /// Decides where new connections lead.
    pub(crate) fn route(&self) -> watch::Sender<Option<u16>> {
        self.upstream.clone()
    }

    /// Every connection carries no byte any more, and stays open. New ones work.
    pub(crate) fn silence(&self) {
        self.silences.send_modify(|silences| *silences += 1);
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
    mut silences: watch::Receiver<u64>,
) {
    cuts.mark_unchanged();
    silences.mark_unchanged();
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    // Nagle's algorithm would delay a chunk until the previous one is acknowledged.
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::select! {
        () = pump(&mut from_client, &mut to_server, condition.clone()) => {}
        () = pump(&mut from_server, &mut to_client, condition) => {}
        _ = cuts.changed() => {}
        // The halves are still owned here, so both connections stay open.
        _ = silences.changed() => {
            // Fails if the proxy was dropped; then the connections may end.
            let _ = cuts.changed().await;
        }
    }
}

async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
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
