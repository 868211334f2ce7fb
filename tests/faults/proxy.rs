//! A link between two processes that can be disturbed: a TCP proxy.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const CHUNK: usize = 16 * 1024;

/// How the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Nothing passes, and nobody is told.
    Stalled,
    /// Every chunk comes this much later.
    Slow(Duration),
    /// New connections are closed at once.
    Refusing,
}

impl Weather {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fair => "fair",
            Self::Stalled => "stalled",
            Self::Slow(_) => "slow",
            Self::Refusing => "refused",
        }
    }
}

/// A link. It goes away with the runtime.
pub(crate) struct Link {
    pub(crate) port: u16,
    weather: watch::Sender<Weather>,
    /// Where it leads; known once that side has started.
    upstream: watch::Sender<Option<u16>>,
    cuts: watch::Sender<u64>,
}

impl Link {
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let link = Self {
            port: listener.local_addr()?.port(),
            weather: watch::Sender::new(Weather::Fair),
            upstream: watch::Sender::new(None),
            cuts: watch::Sender::new(0),
        };
        let (weather, upstream, cuts) =
            (link.weather.subscribe(), link.upstream.subscribe(), link.cuts.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *weather.borrow() == Weather::Refusing {
                    continue;
                }
                let Some(port) = *upstream.borrow() else { continue };
                tokio::spawn(carry(client, port, weather.clone(), cuts.clone()));
            }
        });
        Ok(link)
    }

    pub(crate) fn lead_to(&self, port: u16) {
        self.upstream.send_replace(Some(port));
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Cuts every connection, whatever is under way on it.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn carry(
    client: TcpStream,
    port: u16,
    weather: watch::Receiver<Weather>,
    mut cuts: watch::Receiver<u64>,
) {
    cuts.mark_unchanged();
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    // Without these a chunk waits for the acknowledgement of the one before.
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, weather.clone()) => {}
        () = pump(from_server, to_client, weather) => {}
        _ = cuts.changed() => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        // Fails when the link is gone, and then there is nothing to wait for.
        let now = weather.wait_for(|weather| *weather != Weather::Stalled).await;
        let now = now.map_or(Weather::Fair, |weather| *weather);
        if let Weather::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
