//! Chooses the encoding of a response: RFC 9110, section 12.5.3.

use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// A smaller response fits into one packet as it is. In bytes.
const MIN_ENCODED_BYTES: usize = 1_024;
/// At these levels a page of a hundred rows takes about a millisecond.
const BROTLI_LEVEL: i32 = 5;
const GZIP_LEVEL: u32 = 6;

/// The content encoding of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// The best encoding that the client accepts, for a response of `bytes`.
    pub(crate) fn choose(request: &HeaderMap, bytes: usize) -> Self {
        if bytes < MIN_ENCODED_BYTES || !request.contains_key(ACCEPT_ENCODING) {
            return Self::Identity;
        }
        // Brotli first: it is smaller, and wins among equal weights.
        [Self::Brotli, Self::Gzip]
            .into_iter()
            .map(|encoding| (encoding, encoding.weight(request)))
            .filter(|(_, weight)| *weight > 0)
            .reduce(|best, other| if other.1 > best.1 { other } else { best })
            .map_or(Self::Identity, |(encoding, _)| encoding)
    }

    /// The client's weight of it, in thousandths.
    fn weight(self, request: &HeaderMap) -> u16 {
        let mut any = 0;
        for token in tokens(request) {
            let (name, parameters) = token.split_once(';').unwrap_or((token, ""));
            let name = name.trim();
            if self.names().iter().any(|known| name.eq_ignore_ascii_case(known)) {
                return weight(parameters);
            }
            if name == "*" {
                any = weight(parameters);
            }
        }
        any
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["identity"],
            Self::Gzip => &["gzip", "x-gzip"],
            Self::Brotli => &["br"],
        }
    }

    /// The value of `Content-Encoding`; `None` for the identity.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Brotli => Some(HeaderValue::from_static("br")),
        }
    }

    /// The end of the entity tag: a strong tag names exact bytes, so each encoding needs its own.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "-gz",
            Self::Brotli => "-br",
        }
    }

    /// `plain` in this encoding.
    pub(crate) fn encode(self, plain: &Bytes) -> Bytes {
        let written = match self {
            Self::Identity => return plain.clone(),
            Self::Gzip => gzip(plain),
            Self::Brotli => brotli(plain),
        };
        // Never fails: it writes to memory.
        written.map_or_else(|_| plain.clone(), Bytes::from)
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    encoder.write_all(plain)?;
    encoder.finish()
}

fn brotli(mut plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: BROTLI_LEVEL,
        size_hint: plain.len(),
        // A window of 256 KiB: no page is larger.
        lgwin: 18,
        ..BrotliEncoderParams::default()
    };
    let mut encoded = Vec::new();
    brotli::BrotliCompress(&mut plain, &mut encoded, &parameters)?;
    Ok(encoded)
}

fn tokens(request: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// The weight among a token's parameters, in thousandths; 0 if it is malformed.
fn weight(parameters: &str) -> u16 {
    let Some(q) = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
    }) else {
        return 1_000;
    };
    match q.parse::<f32>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1_000.0) as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn chosen(accept: &[&'static str]) -> Encoding {
        let headers = accept.iter().map(|value| (ACCEPT_ENCODING, HeaderValue::from_static(value)));
        Encoding::choose(&HeaderMap::from_iter(headers), MIN_ENCODED_BYTES)
    }

    #[test]
    fn the_highest_weight_wins_then_the_smallest_encoding() {
        use Encoding::{Brotli, Gzip, Identity};
        for (accept, expected) in [
            (&[][..], Identity),
            (&[""], Identity),
            (&["identity"], Identity),
            (&["gzip, deflate, br, zstd"], Brotli),
            (&["gzip", "br"], Brotli),
            (&["GZIP"], Gzip),
            (&["br;q=0.5, gzip;q=0.8"], Gzip),
            (&["br; q=0, gzip"], Gzip),
            (&["*"], Brotli),
            (&["*;q=0.1, br;q=0"], Gzip),
            (&["*;q=0"], Identity),
            (&["br;q=2, gzip;q=x"], Identity),
            (&["brotli"], Identity),
        ] {
            assert_eq!(chosen(accept), expected, "{accept:?}");
        }
        let small = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("br"))]);
        assert_eq!(Encoding::choose(&small, MIN_ENCODED_BYTES - 1), Identity);
    }

    #[test]
    fn an_encoded_page_decodes_to_the_same_bytes() {
        let plain = Bytes::from(r#"{"position":1,"username":"Ana Rincón"}"#.repeat(100));
        let gzipped = Encoding::Gzip.encode(&plain);
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&gzipped[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, plain);
        let brotli = Encoding::Brotli.encode(&plain);
        let mut read = Vec::new();
        brotli::BrotliDecompress(&mut &brotli[..], &mut read).unwrap();
        assert_eq!(read, plain);
        assert!(brotli.len() < gzipped.len() && gzipped.len() * 5 < plain.len());
    }
}
