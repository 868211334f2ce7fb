//! A TCP proxy in front of a server that closes connections after given numbers of bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::client::ApiClient;

const CHUNK: usize = 16 * 1024;

/// A proxy in front of a server. It ends with the runtime.
pub(crate) struct FaultyProxy {
    /// A client that connects through the proxy.
    pub(crate) api: ApiClient,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// How often all connections were closed.
    disconnects: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    /// Bytes to the server before each disconnect, counted from the previous one.
    plan: VecDeque<usize>,
    passed: usize,
    /// Rejects new connections.
    down: bool,
    /// Whether the proxy goes down after the last planned disconnect.
    ends_down: bool,
    delay: Duration,
}

impl FaultyProxy {
    pub(crate) async fn in_front_of(server: &ApiClient) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = ApiClient::new(format!("http://{}", listener.local_addr().unwrap()));
        let shared =
            Arc::new(Shared { state: Mutex::default(), disconnects: watch::Sender::new(0) });
        let address = server.base.strip_prefix("http://").unwrap().to_owned();
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    if !shared.state().down {
                        tokio::spawn(carry(client, address.clone(), Arc::clone(&shared)));
                    }
                }
            }
        });
        Self { api, shared }
    }

    /// Closes all connections after each of these numbers of bytes to the server.
    pub(crate) fn disconnect_after(&self, bytes: impl IntoIterator<Item = usize>) {
        let mut state = self.shared.state();
        state.plan = bytes.into_iter().collect();
        state.passed = 0;
    }

    /// Closes all connections after this many bytes to the server, and rejects new ones.
    pub(crate) fn go_down_after(&self, bytes: usize) {
        self.disconnect_after([bytes]);
        self.shared.state().ends_down = true;
    }

    pub(crate) fn restore(&self) {
        let mut state = self.shared.state();
        (state.down, state.ends_down) = (false, false);
    }

    /// Delays every chunk to the server by this much.
    pub(crate) fn set_delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    pub(crate) fn disconnects(&self) -> usize {
        *self.shared.disconnects.borrow()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How many of these bytes pass, and whether the connections are closed then.
    fn pass(&self, bytes: usize) -> (usize, bool) {
        let mut state = self.state();
        let Some(remaining) = state.plan.front().map(|limit| limit.saturating_sub(state.passed))
        else {
            return (bytes, false);
        };
        if bytes < remaining {
            state.passed += bytes;
            return (bytes, false);
        }
        state.plan.pop_front();
        state.passed = 0;
        state.down = state.ends_down && state.plan.is_empty();
        (remaining, true)
    }
}

async fn carry(client: TcpStream, address: String, shared: Arc<Shared>) {
    let mut disconnects = shared.disconnects.subscribe();
    disconnects.mark_unchanged();
    let Ok(server) = TcpStream::connect(address).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut chunk = vec![0; CHUNK];
        while let Ok(read @ 1..) = from_client.read(&mut chunk).await {
            let delay = shared.state().delay;
            tokio::time::sleep(delay).await;
            let (passes, disconnects_now) = shared.pass(read);
            if to_server.write_all(&chunk[..passes]).await.is_err() {
                return;
            }
            if disconnects_now {
                shared.disconnects.send_modify(|disconnects| *disconnects += 1);
                return;
            }
        }
    };
    let down = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        () = up => {}
        _ = down => {}
        _ = disconnects.changed() => {}
    }
}
