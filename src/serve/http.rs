//! The HTTP server: accepts connections, and lets requests finish when it stops.

use std::io;
use std::pin::pin;
use std::time::Duration;

use api::{Api, Hangup};
use axum::Extension;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower::util::MapResponseLayer;

/// A client has so long to send the head of a request, and may keep a connection idle so long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// What a connection may read ahead, in bytes; also the longest head of a request. By default it is
/// 400 KiB, which a hundred uploads at a time turn into real memory.
const READ_BUFFER: usize = 64 * 1024;
/// Requests under way have so long to finish once we stop.
const DRAIN: Duration = Duration::from_secs(15);
/// Out of file descriptors: wait until some connection has gone.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` and for `grace` longer, then closes the port and lets requests under way
/// finish, as long as [`DRAIN`] at most.
pub(super) async fn serve(
    listener: TcpListener,
    app: Api,
    stop: CancellationToken,
    grace: Duration,
) {
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(READ_BUFFER);
    let service = farewell(stop.clone()).layer(app);
    let connections = GracefulShutdown::new();
    let closing = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    let mut closing = pin!(closing);
    loop {
        let stream = tokio::select! {
            () = &mut closing => break,
            stream = accept(&listener) => stream,
        };
        let hangup = Hangup::default();
        let service = TowerToHyperService::new(Extension(hangup.clone()).layer(service.clone()));
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended badly");
                },
                () = hangup.requested() => tracing::debug!("a connection was too slow"),
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
fn farewell(stop: CancellationToken) -> MapResponseLayer<impl Fn(Response) -> Response + Clone> {
    MapResponseLayer::new(move |mut response: Response| {
        if stop.is_cancelled() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    })
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
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::mpsc;
    use tower_http::normalize_path::NormalizePath;

    #[tokio::test]
    async fn a_client_that_reads_nothing_can_be_hung_up_on() {
        let (report, mut reports) = mpsc::unbounded_channel();
        let endless = get(async move |Extension(hangup): Extension<Hangup>| {
            report.send(hangup).unwrap();
            let chunk = || Ok::<_, io::Error>(bytes::Bytes::from(vec![b'x'; 64 * 1024]));
            Body::from_stream(futures_util::stream::repeat_with(chunk))
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let app = NormalizePath::trim_trailing_slash(Router::new().route("/", endless));
        let serving = tokio::spawn(serve(listener, app, stop.clone(), Duration::ZERO));

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
