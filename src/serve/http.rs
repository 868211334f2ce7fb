//! The HTTP server: accepts connections, and lets requests finish when it stops.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::Disconnect;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::idle::Usage;

/// What a connection may read ahead, in bytes; also the longest head of a request. By default it is
/// 400 KiB, which a hundred uploads at a time turn into real memory.
const READ_BUFFER: usize = 64 * 1024;
/// Requests under way have so long to finish once we stop.
const DRAIN: Duration = Duration::from_secs(15);
/// Out of file descriptors: wait until some connection has gone.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` and for `grace` longer, then closes the port and lets requests under way
/// finish, as long as [`DRAIN`] at most.
pub(super) async fn serve<A, F>(
    listener: TcpListener,
    answer: A,
    stop: CancellationToken,
    grace: Duration,
) where
    A: Fn(Request<Incoming>, &Disconnect) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let mut server = http1::Builder::new();
    server.max_buf_size(READ_BUFFER);
    let connections = GracefulShutdown::new();
    let stopping = Arc::new(AtomicBool::new(false));
    let closing = async {
        stop.cancelled().await;
        stopping.store(true, Ordering::Relaxed);
        tokio::time::sleep(grace).await;
    };
    let mut closing = pin!(closing);
    loop {
        let stream = tokio::select! {
            () = &mut closing => break,
            stream = accept(&listener) => stream,
        };
        let (disconnect, usage) = (Disconnect::default(), Usage::default());
        let service = {
            let (answer, stopping) = (answer.clone(), Arc::clone(&stopping));
            let (disconnect, usage) = (disconnect.clone(), usage.clone());
            service_fn(move |request| {
                let (in_use, stopping) = (usage.begin(), Arc::clone(&stopping));
                let answer = answer(request, &disconnect);
                answer.map(move |response| {
                    let response = farewell(response, &stopping);
                    Ok::<_, Infallible>(response.map(|body| in_use.until_sent(body)))
                })
            })
        };
        let connection = connections.watch(server.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended badly");
                },
                () = disconnect.requested() => tracing::debug!("a connection was too slow"),
                () = usage.over() => tracing::debug!("a connection was idle for too long"),
            }
        });
    }
    drop(listener);
    let open = connections.count();
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!(open, "some requests did not finish in time");
    }
}

/// Once we stop, no answer invites another request on its connection: whoever would send one the
/// moment that we close it could not know whether it was heard.
fn farewell(mut response: Response, stopping: &AtomicBool) -> Response {
    if stopping.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The next connection, whatever it takes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small; waiting to fill a packet would only delay them.
                if stream.set_nodelay(true).is_ok() {
                    return stream;
                }
            }
            Err(error) if is_the_client_s(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The client went away before it was accepted: nothing to worry about.
fn is_the_client_s(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures_util::future::ready;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::mpsc;

    async fn client_of(listener: &TcpListener) -> TcpStream {
        TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_is_hung_up_on_and_who_waits_for_an_answer_is_not() {
        let slow = |_, _: &Disconnect| async {
            tokio::time::sleep(Duration::from_secs(120)).await;
            let chunks = futures_util::stream::unfold(0, async |sent| {
                tokio::time::sleep(Duration::from_secs(120)).await;
                (sent < 2).then_some((Ok::<_, io::Error>("chunk"), sent + 1))
            });
            Response::new(Body::from_stream(chunks))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mut silent, mut half, mut patient) =
            (client_of(&listener).await, client_of(&listener).await, client_of(&listener).await);
        tokio::spawn(serve(listener, slow, CancellationToken::new(), Duration::ZERO));
        half.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        patient.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let started = tokio::time::Instant::now();
        for client in [&mut silent, &mut half] {
            let mut said = Vec::new();
            client.read_to_end(&mut said).await.unwrap();
            assert_eq!(said, b"", "closed without a word");
            let waited = started.elapsed().as_secs();
            assert!((30..=41).contains(&waited), "{waited} s");
        }
        let mut said = String::new();
        patient.read_to_string(&mut said).await.unwrap();
        assert!(said.ends_with("chunk\r\n5\r\nchunk\r\n0\r\n\r\n"), "all of it: {said}");
        assert!(started.elapsed().as_secs() >= 480 + 30, "and then nothing was asked any more");
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_can_be_hung_up_on() {
        let (report, mut reports) = mpsc::unbounded_channel();
        let endless = move |_, disconnect: &Disconnect| {
            report.send(disconnect.clone()).unwrap();
            let chunk = || Ok::<_, io::Error>(bytes::Bytes::from(vec![b'x'; 64 * 1024]));
            ready(Response::new(Body::from_stream(futures_util::stream::repeat_with(chunk))))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, endless, stop.clone(), Duration::ZERO));

        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        reports.recv().await.unwrap().request();
        stop.cancel();
        // Without the hang-up this would take as long as requests are given to finish.
        tokio::time::timeout(DRAIN / 2, serving).await.unwrap().unwrap();
        let mut rest = Vec::new();
        // What had been sent arrives, or the connection is reset: either way it is over.
        let _ = tokio::time::timeout(DRAIN / 2, client.read_to_end(&mut rest)).await.unwrap();
    }
}
