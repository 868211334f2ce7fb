//! A response of the API, and assertions about it.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// A response with its whole body.
#[derive(Clone, Debug)]
pub(crate) struct ApiResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl ApiResponse {
    pub(crate) async fn read(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts the status and returns the JSON body.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()), "no X-Request-Id");
        self.json()
    }

    /// Asserts that it is an error with this status and detail, and that it has a code.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, detail: &str) {
        let body = self.expect(status);
        assert_eq!(body["detail"], detail, "{body}");
        assert_coded(&body);
    }

    /// Asserts that it is a 422, and returns its problems.
    #[track_caller]
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let body = self.expect(422);
        assert_coded(&body);
        let problems = body["detail"].as_array().unwrap_or_else(|| panic!("no list: {body}"));
        assert!(!problems.is_empty(), "{body}");
        problems.iter().map(Problem::read).collect()
    }

    /// Asserts that it is a 422 with one problem, and returns that.
    #[track_caller]
    pub(crate) fn problem(&self) -> Problem {
        let mut problems = self.problems();
        assert_eq!(problems.len(), 1, "{}", self.text());
        problems.remove(0)
    }
}

#[track_caller]
fn assert_coded(body: &Value) {
    let code = body["code"].as_str().unwrap_or_else(|| panic!("no code: {body}"));
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    assert!(!code.is_empty() && code.bytes().all(named), "{code}");
}

/// One validation problem of a 422.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) kind: String,
    /// The parts of `loc`, joined by dots.
    pub(crate) loc: String,
    pub(crate) message: String,
    pub(crate) whole: Value,
}

impl Problem {
    #[track_caller]
    fn read(whole: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let loc: Vec<String> = whole["loc"].as_array().unwrap().iter().map(text).collect();
        let message = whole["msg"].as_str().unwrap().to_owned();
        assert!(!message.is_empty());
        Self {
            kind: whole["type"].as_str().unwrap().to_owned(),
            loc: loc.join("."),
            message,
            whole: whole.clone(),
        }
    }

    #[track_caller]
    pub(crate) fn is(&self, kind: &str, loc: &str) {
        assert_eq!((self.kind.as_str(), self.loc.as_str()), (kind, loc), "{}", self.whole);
    }
}

/// Asserts that a list has exactly these problems, as (type, loc), in any order.
#[track_caller]
pub(crate) fn assert_problems(problems: &[Problem], expected: &[(&str, &str)]) {
    let mut found: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.kind.as_str(), problem.loc.as_str())).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
