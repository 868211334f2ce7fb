//! `Upload-Metadata`: what a client declares about a file before it sends it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::error::{ApiError, Loc, Problem, RequestPart, VideoError};
use crate::routes::videos::upload::{DESCRIPTION, TITLE};
use crate::tus::headers::METADATA;

/// More than the longest title and description take.
const MAX_METADATA_BYTES: usize = 16 * 1024;
/// The header's name in errors.
const HEADER_NAME: &str = "Upload-Metadata";

/// What the server reads from it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) title: String,
    pub(super) description: Option<String>,
    /// The header as it was sent, for `HEAD`.
    pub(super) whole: String,
}

impl Metadata {
    /// Reads the header.
    ///
    /// # Errors
    /// All problems of the texts, or that the header is malformed.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let whole = match headers.get(METADATA).map(|value| value.to_str()) {
            None => "",
            Some(Ok(text)) if text.len() <= MAX_METADATA_BYTES => text,
            Some(_) => return Err(ApiError::BadHeader(HEADER_NAME)),
        };
        let pairs = pairs(whole).ok_or(ApiError::BadHeader(HEADER_NAME))?;
        let find = |key| pairs.iter().find(|(k, _)| *k == key).map(|(_, value)| value.as_slice());
        if find("filetype").is_some_and(|claimed| !claimed.starts_with(b"video/")) {
            return Err(VideoError::NotAVideo.into());
        }
        let mut problems = Vec::new();
        let title = match find("title").map(utf8) {
            None => Err(Problem::missing(RequestPart::Header, "title")),
            Some(None) => Err(Problem::value(RequestPart::Header, "title", "El texto no es UTF-8")),
            Some(Some(text)) => TITLE.check(RequestPart::Header, "title", text),
        };
        let description = match find("description").map(utf8) {
            None => Ok(String::new()),
            Some(None) => {
                Err(Problem::value(RequestPart::Header, "description", "El texto no es UTF-8"))
            }
            Some(Some(text)) => DESCRIPTION.check(RequestPart::Header, "description", text),
        };
        let title = title.map_err(|problem| problems.push(problem));
        let description = description.map_err(|problem| problems.push(problem));
        let (Ok(title), Ok(description)) = (title, description) else {
            problems
                .iter_mut()
                .for_each(|problem| problem.loc.insert(1, Loc::Name(HEADER_NAME.into())));
            return Err(ApiError::Validation(problems));
        };
        let description = (!description.is_empty()).then_some(description);
        Ok(Self { title, description, whole: whole.to_owned() })
    }
}

fn utf8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The keys with their decoded values; `None` if the syntax is not that of the protocol.
fn pairs(text: &str) -> Option<Vec<(&str, Vec<u8>)>> {
    let mut pairs: Vec<(&str, Vec<u8>)> = Vec::new();
    if text.is_empty() {
        return Some(pairs);
    }
    for pair in text.split(',') {
        let pair = pair.trim();
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        if key.is_empty() || !key.is_ascii() || pairs.iter().any(|(known, _)| *known == key) {
            return None;
        }
        pairs.push((key, STANDARD.decode(value).ok()?));
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(text: &str) -> Result<Metadata, ApiError> {
        let value = HeaderValue::try_from(text).unwrap();
        Metadata::of(&HeaderMap::from_iter([(METADATA, value)]))
    }

    fn pair(key: &str, value: &str) -> String {
        format!("{key} {}", STANDARD.encode(value))
    }

    #[test]
    fn texts_are_decoded_and_trimmed() {
        let title = pair("title", " Mi canción ");
        let found = read(&title).unwrap();
        assert_eq!(
            (found.title.as_str(), found.description, found.whole),
            ("Mi canción", None, title)
        );
        let all =
            [pair("title", "A"), pair("description", "B\nC"), "is_secret".to_owned()].join(", ");
        assert_eq!(read(&all).unwrap().description.as_deref(), Some("B\nC"));
        let typed = [pair("title", "A"), pair("filetype", "video/mp4")].join(",");
        assert!(read(&typed).is_ok());
    }

    #[test]
    fn malformed_metadata_is_rejected() {
        let twice = [pair("title", "A"), pair("title", "B")].join(",");
        let long = pair("title", &"x".repeat(MAX_METADATA_BYTES));
        for bad in ["title ñ", "title QQ", "title QQ== QQ==", ",", "title QQ==,", &twice, &long] {
            assert!(matches!(read(bad), Err(ApiError::BadHeader(HEADER_NAME))), "{bad}");
        }
        let text = [pair("title", "A"), pair("filetype", "text/plain")].join(",");
        assert!(matches!(read(&text), Err(ApiError::Video(VideoError::NotAVideo))));
    }

    #[test]
    fn all_problems_of_the_texts_are_listed() {
        let problems = |text: &str| match read(text) {
            Err(ApiError::Validation(problems)) => {
                let place = |p: &Problem| {
                    (p.kind, serde_json::to_value(&p.loc).unwrap()[2].as_str().unwrap().to_owned())
                };
                problems.iter().map(place).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        let missing = ("missing", "title".to_owned());
        assert_eq!(problems(""), std::slice::from_ref(&missing));
        let long = pair("description", &"x".repeat(2001));
        assert_eq!(problems(&long), [missing, ("string_too_long", "description".to_owned())]);
        assert_eq!(problems("title /w=="), [("value_error", "title".to_owned())]);
        assert_eq!(problems("title"), [("string_too_short", "title".to_owned())]);
    }
}
