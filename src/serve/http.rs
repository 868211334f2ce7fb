//! The HTTP server: accepts connections, and drains them on shutdown.

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

use super::idle::Activity;

/// Bytes that a connection may read ahead; also the maximum size of a request head. hyper's default of
/// 400 KiB costs 40 MiB during a hundred uploads.
const MAX_READ_BUFFER: usize = 64 * 1024;
/// Bounds the time that requests in flight have to finish after the port is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause after a failed accept. It usually fails because the process has no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` and for `grace` longer. Then closes the port, and waits for the requests in
/// flight for at most [`DRAIN_TIMEOUT`].
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
    server.max_buf_size(MAX_READ_BUFFER);
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
        let (disconnect, activity) = (Disconnect::default(), Activity::default());
        let service = {
            let (answer, stopping) = (answer.clone(), Arc::clone(&stopping));
            let (disconnect, activity) = (disconnect.clone(), activity.clone());
            service_fn(move |request| {
                let (guard, stopping) = (activity.begin(), Arc::clone(&stopping));
                let answer = answer(request, &disconnect);
                answer.map(move |response| {
                    let response = close_if_stopping(response, &stopping);
                    Ok::<_, Infallible>(response.map(|body| guard.until_sent(body)))
                })
            })
        };
        let connection = connections.watch(server.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "connection failed");
                },
                () = disconnect.requested() => tracing::debug!("connection closed: the client read too slowly"),
                () = activity.idle_timeout() => tracing::debug!("connection closed: idle"),
            }
        });
    }
    drop(listener);
    let open = connections.count();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.shutdown()).await.is_err() {
        tracing::warn!(open, "requests did not finish before the drain timeout");
    }
}

/// Adds `Connection: close` during shutdown. A client that sent another request while the server closes
/// the connection would not know whether it was handled.
fn close_if_stopping(mut response: Response, stopping: &AtomicBool) -> Response {
    if stopping.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Returns the next connection. Retries after errors.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Nagle's algorithm would delay small answers.
                if stream.set_nodelay(true).is_ok() {
                    return stream;
                }
            }
            Err(error) if is_client_error(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the client closed the connection before the server accepted it.
fn is_client_error(error: &io::Error) -> bool {
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
    async fn an_idle_connection_is_closed_and_one_with_a_request_in_flight_is_not() {
        let slow = |_, _: &Disconnect| async {
            tokio::time::sleep(Duration::from_secs(120)).await;
            let chunks = futures_util::stream::unfold(0, async |sent| {
                tokio::time::sleep(Duration::from_secs(120)).await;
                (sent < 2).then_some((Ok::<_, io::Error>("chunk"), sent + 1))
            });
            Response::new(Body::from_stream(chunks))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mut silent, mut half, mut waiting) =
            (client_of(&listener).await, client_of(&listener).await, client_of(&listener).await);
        tokio::spawn(serve(listener, slow, CancellationToken::new(), Duration::ZERO));
        half.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        waiting.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let started = tokio::time::Instant::now();
        for client in [&mut silent, &mut half] {
            let mut said = Vec::new();
            client.read_to_end(&mut said).await.unwrap();
            assert_eq!(said, b"", "closed without an answer");
            let waited = started.elapsed().as_secs();
            assert!((30..=41).contains(&waited), "{waited} s");
        }
        let mut said = String::new();
        waiting.read_to_string(&mut said).await.unwrap();
        assert!(said.ends_with("chunk\r\n5\r\nchunk\r\n0\r\n\r\n"), "the whole answer: {said}");
        assert!(started.elapsed().as_secs() >= 480 + 30, "closed only after the idle timeout");
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_can_be_disconnected() {
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
        // Without the disconnect, the server would drain for the whole timeout.
        tokio::time::timeout(DRAIN_TIMEOUT / 2, serving).await.unwrap().unwrap();
        let mut rest = Vec::new();
        // The sent bytes arrive, or the connection is reset. Either way it is closed.
        let _ =
            tokio::time::timeout(DRAIN_TIMEOUT / 2, client.read_to_end(&mut rest)).await.unwrap();
    }
}
