//! The HTTP/1.1 client of all contenders, on a connection that stays open.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) type Request = http::Request<Full<Bytes>>;

pub(crate) fn get(path: Uri) -> Request {
    request(Method::GET, path, Bytes::new())
}

/// A request of a logged-in account.
pub(crate) fn post(path: Uri, bearer: HeaderValue, body: Bytes) -> Request {
    let mut request = request(Method::POST, path, body);
    request.headers_mut().insert(AUTHORIZATION, bearer);
    request
}

pub(crate) fn request(method: Method, path: Uri, body: Bytes) -> Request {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = path;
    request.headers_mut().insert(HOST, HeaderValue::from_static("127.0.0.1"));
    request
}

pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// An answer whose whole body was read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The value of `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // The request in flight returns the same error.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    pub(crate) async fn send(&mut self, request: Request) -> Result<Answer> {
        self.sender.ready().await.context("the connection is closed")?;
        let response = self.sender.send_request(request).await.context("no answer")?;
        let (parts, body) = response.into_parts();
        let retry_after = parts
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| Some(Duration::from_secs(value.to_str().ok()?.parse().ok()?)));
        let body = body.collect().await.context("half an answer")?.to_bytes();
        Ok(Answer { status: parts.status, retry_after, headers: parts.headers, body })
    }
}

impl Answer {
    /// The body of an answer with this status; any other status is an error.
    pub(crate) fn expect(self, status: StatusCode) -> Result<Bytes> {
        if self.status != status {
            let body = String::from_utf8_lossy(&self.body);
            bail!("the answer is {} instead of {status}: {body}", self.status);
        }
        Ok(self.body)
    }
}
