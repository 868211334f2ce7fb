//! The language of a page, and how it writes numbers and dates.

use chrono::{DateTime, Datelike, Utc};
use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use super::messages::{ENGLISH, Messages, SPANISH};

/// A language that the pages have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Language {
    #[default]
    Spanish,
    English,
}

impl Language {
    /// The chosen language, else the first in `Accept-Language` that the pages have, else Spanish.
    pub(super) fn of(chosen: Option<&str>, headers: &HeaderMap) -> Self {
        let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        // Browsers list languages by preference, so the quality values are not needed.
        let tags = asked.unwrap_or_default().split(',').map(|tag| tag.trim());
        let mut wanted = chosen.into_iter().chain(tags);
        wanted.find_map(Self::from_tag).unwrap_or_default()
    }

    fn from_tag(tag: &str) -> Option<Self> {
        match tag.get(..2)?.to_ascii_lowercase().as_str() {
            "es" => Some(Self::Spanish),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// The BCP 47 tag, for `lang` attributes and the cookie.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Spanish => "es",
            Self::English => "en",
        }
    }

    /// The name of the language in the language itself.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Spanish => "Español",
            Self::English => "English",
        }
    }

    pub(super) fn messages(self) -> &'static Messages {
        match self {
            Self::Spanish => &SPANISH,
            Self::English => &ENGLISH,
        }
    }

    /// A number with thousands separators.
    pub(super) fn number(self, number: u64) -> String {
        let separator = match self {
            Self::Spanish => '.',
            Self::English => ',',
        };
        let digits = number.to_string();
        let mut written = String::with_capacity(digits.len() * 4 / 3);
        for (n, digit) in digits.chars().enumerate() {
            if n > 0 && (digits.len() - n).is_multiple_of(3) {
                written.push(separator);
            }
            written.push(digit);
        }
        written
    }

    /// A date such as `9 March 2026`.
    pub(super) fn day(self, time: DateTime<Utc>) -> String {
        const SPANISH: [&str; 12] = [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ];
        let (day, year) = (time.day(), time.year());
        match self {
            Self::Spanish => format!("{day} de {} de {year}", SPANISH[time.month0() as usize]),
            Self::English => time.format("%-d %B %Y").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_chosen_language_wins_over_that_of_the_browser() {
        let asking =
            |tags| HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(tags))]);
        assert_eq!(Language::of(None, &HeaderMap::new()), Language::Spanish);
        assert_eq!(Language::of(None, &asking("en-GB,es;q=0.8")), Language::English);
        assert_eq!(Language::of(None, &asking("fr, es-CO;q=0.9, en")), Language::Spanish);
        assert_eq!(Language::of(None, &asking("de, *;q=0.1")), Language::Spanish);
        assert_eq!(Language::of(Some("aé"), &HeaderMap::new()), Language::Spanish);
        assert_eq!(Language::of(Some("en"), &asking("es")), Language::English);
        assert_eq!(Language::of(Some("xx"), &asking("en")), Language::English);
    }

    #[test]
    fn each_language_writes_numbers_and_dates_in_its_own_way() {
        let spanish = [0, 999, 1_000, 1_234_567].map(|n| Language::Spanish.number(n));
        assert_eq!(spanish, ["0", "999", "1.000", "1.234.567"]);
        assert_eq!(Language::English.number(12_345), "12,345");
        let day = "2026-03-09T12:00:00Z".parse().unwrap();
        assert_eq!(Language::Spanish.day(day), "9 de marzo de 2026");
        assert_eq!(Language::English.day(day), "9 March 2026");
    }
}
