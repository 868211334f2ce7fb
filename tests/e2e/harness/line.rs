//! A bad line: what stands between a client and a server, and breaks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Api;

const CHUNK: usize = 16 * 1024;

/// A line to a server. It goes away with the runtime.
pub(crate) struct Line {
    /// The server, as it is reached through this line.
    pub(crate) api: Api,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// How often everything was cut.
    cuts: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    /// After so many bytes each, counted from the cut before, every connection is cut.
    plan: VecDeque<usize>,
    passed: usize,
    /// Nobody gets through.
    down: bool,
    /// Whether the line stays down after the last cut of the plan.
    ends_down: bool,
    delay: Duration,
}

impl Line {
    pub(crate) async fn to(server: &Api) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Api::new(format!("http://{}", listener.local_addr().unwrap()));
        let shared = Arc::new(Shared { state: Mutex::default(), cuts: watch::Sender::new(0) });
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

    /// Cuts everything after so many bytes that go to the server, again and again.
    pub(crate) fn cut_after(&self, bytes: impl IntoIterator<Item = usize>) {
        let mut state = self.shared.state();
        state.plan = bytes.into_iter().collect();
        state.passed = 0;
    }

    /// The same, once, and then nobody gets through.
    pub(crate) fn break_after(&self, bytes: usize) {
        self.cut_after([bytes]);
        self.shared.state().ends_down = true;
    }

    pub(crate) fn repair(&self) {
        let mut state = self.shared.state();
        (state.down, state.ends_down) = (false, false);
    }

    /// Every chunk to the server comes so much later.
    pub(crate) fn slow(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    pub(crate) fn cuts(&self) -> usize {
        *self.shared.cuts.borrow()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How many of these bytes pass, and whether the line is cut then.
    fn pass(&self, bytes: usize) -> (usize, bool) {
        let mut state = self.state();
        let Some(room) = state.plan.front().map(|limit| limit.saturating_sub(state.passed)) else {
            return (bytes, false);
        };
        if bytes < room {
            state.passed += bytes;
            return (bytes, false);
        }
        state.plan.pop_front();
        state.passed = 0;
        state.down = state.ends_down && state.plan.is_empty();
        (room, true)
    }
}

async fn carry(client: TcpStream, address: String, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    cuts.mark_unchanged();
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
            let (passes, cut) = shared.pass(read);
            if to_server.write_all(&chunk[..passes]).await.is_err() {
                return;
            }
            if cut {
                shared.cuts.send_modify(|cuts| *cuts += 1);
                return;
            }
        }
    };
    let down = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        () = up => {}
        _ = down => {}
        _ = cuts.changed() => {}
    }
}
