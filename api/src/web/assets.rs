//! Scripts, styles and icons, compiled into the binary. Their names carry a hash of their content, so that
//! browsers cache them without limit and never use an old one.

use std::sync::{LazyLock, OnceLock};

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use crate::error::{ApiError, RequestError};
use crate::page_cache::encoding::Encoding;

/// A static file with its compressed variants.
pub(super) struct Asset {
    file: String,
    content_type: &'static str,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

macro_rules! assets {
    ($($name:ident: $file:literal, $extension:literal, $content_type:literal;)+) => {
        $(pub(super) static $name: LazyLock<Asset> = LazyLock::new(|| {
            let plain = include_bytes!(concat!("../../assets/web/", $file, ".", $extension));
            Asset::new($file, $extension, $content_type, plain)
        });)+

        fn find(file: &str) -> Option<&'static Asset> {
            let all: [&'static Asset; _] = [$(&$name),+];
            all.into_iter().find(|asset| asset.file == file)
        }
    };
}

assets! {
    STYLE: "style", "css", "text/css; charset=utf-8";
    ICON: "icon", "svg", "image/svg+xml";
    RANKING: "ranking", "js", "text/javascript; charset=utf-8";
    REFRESH: "refresh", "js", "text/javascript; charset=utf-8";
    UPLOAD: "upload", "js", "text/javascript; charset=utf-8";
    VIDEO: "video", "js", "text/javascript; charset=utf-8";
}

impl Asset {
    fn new(name: &str, extension: &str, content_type: &'static str, plain: &'static [u8]) -> Self {
        let hash = hex::encode(&Sha256::digest(plain)[..6]);
        Self {
            file: format!("{name}-{hash}.{extension}"),
            content_type,
            plain: Bytes::from_static(plain),
            gzip: OnceLock::new(),
            brotli: OnceLock::new(),
        }
    }

    /// The path that it is served under.
    pub(super) fn url(&self) -> String {
        format!("/assets/{}", self.file)
    }

    fn encoded(&self, encoding: Encoding) -> Bytes {
        let made = match encoding {
            Encoding::Identity => return self.plain.clone(),
            Encoding::Gzip => &self.gzip,
            Encoding::Brotli => &self.brotli,
        };
        made.get_or_init(|| encoding.encode(&self.plain)).clone()
    }
}

/// `GET /assets/{file}`
pub(super) async fn asset(
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asset = find(&file).ok_or(RequestError::RouteUnknown)?;
    let encoding = Encoding::choose(&headers, asset.plain.len());
    let mut response = asset.encoded(encoding).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding.header() {
        headers.insert(CONTENT_ENCODING, encoding);
    }
    Ok(response)
}
