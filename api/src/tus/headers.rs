//! The headers of tus, and how their values are read and written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commands::Checksum;
use domain::Timestamp;
use http::{HeaderMap, HeaderName};

use crate::error::ApiError;

pub(crate) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(crate) const VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(crate) const EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(crate) const MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(crate) const ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(crate) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(crate) const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(crate) const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(crate) const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(crate) const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
/// Not of the protocol: the video that a finished upload has become.
pub(crate) const VIDEO: HeaderName = HeaderName::from_static("x-video-id");

/// The content type of a body that appends to an upload.
pub(crate) const PIECE: &str = "application/offset+octet-stream";

/// The text of a header; empty if the header is absent or not ASCII.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A header that must be a number of bytes, in digits only. `shown` is its name in the error.
pub(crate) fn bytes(
    headers: &HeaderMap,
    name: &HeaderName,
    shown: &'static str,
) -> Result<u64, ApiError> {
    let text = text(headers, name);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(ApiError::BadHeader(shown))
}

/// The checksum that the client declares for the body, if any.
pub(crate) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, ApiError> {
    if !headers.contains_key(&CHECKSUM) {
        return Ok(None);
    }
    let bad = ApiError::BadHeader("Upload-Checksum");
    let Some((algorithm, digest)) = text(headers, &CHECKSUM).split_once(' ') else {
        return Err(bad);
    };
    let Ok(digest) = STANDARD.decode(digest.trim()) else { return Err(bad) };
    let checksum = match algorithm {
        "sha1" => digest.try_into().ok().map(Checksum::Sha1),
        "sha256" => digest.try_into().ok().map(Checksum::Sha256),
        _ => None,
    };
    checksum.map(Some).ok_or(bad)
}

/// A time as an HTTP date: RFC 9110, section 5.6.7.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(name: HeaderName, text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(text))])
    }

    #[test]
    fn a_number_of_bytes_has_digits_only() {
        let read = |text| bytes(&with(LENGTH, text), &LENGTH, "Upload-Length").ok();
        assert_eq!(
            (read("0"), read("007"), read("10485760")),
            (Some(0), Some(7), Some(10_485_760))
        );
        for bad in ["", "-1", "+1", "1.0", "1 ", "0x1", "99999999999999999999"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(bytes(&HeaderMap::new(), &LENGTH, "Upload-Length").is_err());
    }

    #[test]
    fn a_checksum_names_a_known_algorithm_and_a_digest_of_its_length() {
        let read = |text| checksum(&with(CHECKSUM, text));
        let sha1 = read("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").unwrap();
        assert!(matches!(sha1, Some(Checksum::Sha1([0x2a, 0xae, ..]))));
        assert_eq!(checksum(&HeaderMap::new()).unwrap(), None);
        for bad in ["", "sha1", "sha1 x", "sha1 AAAA", "md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0="] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_written_as_an_http_date() {
        let at = Timestamp::from_timestamp(784_111_777, 0).unwrap();
        assert_eq!(http_date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
