//! Query parameters, read one by one; their problems are collected.

use std::collections::HashMap;

use axum::extract::Query;
use http::Uri;
use projections::boards::Board;
use serde_json::Value;

use crate::error::{ApiError, Problem, RequestPart};
use crate::text::TextRule;

/// The name of a city or country.
const PLACE_NAME: TextRule = TextRule::line(0, 100);
/// The most rows of one page.
const MAX_PAGE_SIZE: u32 = 100;

/// Which page of a list the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Paging {
    /// Counted from 1.
    pub(crate) page: u64,
    pub(crate) page_size: u32,
}

impl Paging {
    /// The rows before the page.
    pub(crate) fn skip(self) -> u64 {
        (self.page - 1).saturating_mul(u64::from(self.page_size))
    }

    /// The pages of a list of `total` rows.
    pub(crate) fn total_pages(self, total: u64) -> u64 {
        total.div_ceil(u64::from(self.page_size))
    }
}

/// The parameters of a request, and the problems found so far.
pub(crate) struct QueryFields {
    values: HashMap<String, String>,
    problems: Vec<Problem>,
}

impl QueryFields {
    /// Of several parameters with one name the last counts.
    pub(crate) fn of(uri: &Uri) -> Self {
        let pairs: Vec<(String, String)> =
            Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default();
        Self { values: pairs.into_iter().collect(), problems: Vec::new() }
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.values.contains_key(field)
    }

    /// The parameter as it was sent.
    pub(crate) fn take(&mut self, field: &str) -> Option<String> {
        self.values.remove(field)
    }

    /// An integer from `min` to `max`. One too large for 64 bits is read as the largest.
    pub(crate) fn integer(
        &mut self,
        field: &'static str,
        default: u64,
        min: u64,
        max: Option<u64>,
    ) -> u64 {
        let Some(text) = self.values.get(field) else { return default };
        let problem = match parse_integer(text) {
            None => Problem::not_an_integer(field),
            Some(Integer::Negative) => Problem::too_small(field, min),
            Some(Integer::Natural(number)) if number < min => Problem::too_small(field, min),
            Some(Integer::Natural(number)) => match max {
                Some(max) if number > max => Problem::too_big(field, max),
                _ => return number,
            },
        };
        let problem = problem.with_input(Some(Value::from(text.as_str())));
        self.problems.push(problem);
        default
    }

    /// A number of rows, at most [`MAX_PAGE_SIZE`].
    pub(crate) fn size(&mut self, field: &'static str, default: u32) -> u32 {
        let most = u64::from(MAX_PAGE_SIZE);
        let size = self.integer(field, u64::from(default), 1, Some(most));
        u32::try_from(size).unwrap_or(MAX_PAGE_SIZE)
    }

    /// `page` and `page_size`.
    pub(crate) fn paging(&mut self, default_size: u32) -> Paging {
        let page = self.integer("page", 1, 1, None);
        Paging { page, page_size: self.size("page_size", default_size) }
    }

    /// The name of a city or country; `None` if absent or blank.
    pub(crate) fn place(&mut self, field: &'static str) -> Option<String> {
        let text = self.values.get(field)?;
        match PLACE_NAME.check(RequestPart::Query, field, text) {
            Ok(place) => (!place.is_empty()).then_some(place),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// The board of a city, a country, or both.
    pub(crate) fn board(&mut self) -> Board {
        let (city, country) = (self.place("city"), self.place("country"));
        Board::of(city.as_deref(), country.as_deref())
    }

    /// One of `choices`; `T::default()` if the parameter is absent.
    pub(crate) fn choice<T: Copy + Default, const N: usize>(
        &mut self,
        field: &'static str,
        choices: [(&'static str, T); N],
    ) -> T {
        let Some(text) = self.values.get(field) else { return T::default() };
        if let Some((_, chosen)) = choices.iter().find(|(word, _)| word == text) {
            return *chosen;
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("'{word}'")).collect();
        let problem = Problem::not_one_of(field, &words.join(" or "))
            .with_input(Some(Value::from(text.as_str())));
        self.problems.push(problem);
        T::default()
    }

    /// # Errors
    /// All problems, in the order in which the parameters were read.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::Validation(self.problems)) }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Integer {
    Negative,
    /// Saturated.
    Natural(u64),
}

/// Reads an integer as pydantic does: outer space, a sign and a fraction of zeros are allowed.
fn parse_integer(text: &str) -> Option<Integer> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !whole || fraction.is_empty() || !fraction.bytes().all(|b| b == b'0') {
        return None;
    }
    // All are digits, so the only possible error is overflow.
    let number = digits.parse().unwrap_or(u64::MAX);
    Some(if negative && number > 0 { Integer::Negative } else { Integer::Natural(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_read_as_pydantic_does() {
        for (text, number) in
            [("7", 7), (" 7 ", 7), ("+7", 7), ("007", 7), ("7.0", 7), ("-0", 0), ("0", 0)]
        {
            assert_eq!(parse_integer(text), Some(Integer::Natural(number)), "{text}");
        }
        let huge = "9".repeat(400);
        assert_eq!(parse_integer(&huge), Some(Integer::Natural(u64::MAX)));
        assert_eq!(parse_integer(&format!("-{huge}")), Some(Integer::Negative));
        for text in ["", " ", "x", "1.5", "1.", ".0", "1e3", "0x1", "--1", "1 2", "٣"] {
            assert_eq!(parse_integer(text), None, "{text}");
        }
    }

    #[test]
    fn all_problems_are_collected() {
        let uri = Uri::from_static("/?page=0&page_size=101&skip=-1&limit=x&city=a%00b&order=up");
        let mut query = QueryFields::of(&uri);
        query.integer("page", 1, 1, None);
        query.integer("page_size", 10, 1, Some(100));
        query.integer("skip", 0, 0, None);
        query.integer("limit", 50, 1, Some(100));
        query.place("city");
        query.choice("order", [("asc", false), ("desc", true)]);
        let Err(ApiError::Validation(problems)) = query.finish() else { panic!("no problem") };
        let kinds: Vec<&str> = problems.iter().map(|problem| problem.kind).collect();
        assert_eq!(
            kinds,
            [
                "greater_than_equal",
                "less_than_equal",
                "greater_than_equal",
                "int_parsing",
                "value_error",
                "literal_error"
            ]
        );
        assert_eq!(problems[5].msg, "Input should be 'asc' or 'desc'");
    }

    #[test]
    fn the_last_of_a_name_counts_and_malformed_pairs_are_ignored() {
        let mut query = QueryFields::of(&Uri::from_static("/?page=x&page=3&=&%ff&&city=%20"));
        assert_eq!(query.integer("page", 1, 1, None), 3);
        assert_eq!(query.place("city"), None);
        assert!(query.finish().is_ok());
    }
}
