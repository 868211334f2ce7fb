//! A browser without scripts: pages, forms and cookies.

use reqwest::{Method, RequestBuilder};

use super::api_response::ApiResponse;
use super::client::{ApiClient, PASSWORD, Person, SendRequest};

/// A visitor with cookies and a preferred language.
#[derive(Clone)]
pub(crate) struct Visitor {
    api: ApiClient,
    cookies: Vec<(String, String)>,
    language: &'static str,
}

impl Visitor {
    pub(crate) fn new(api: &ApiClient) -> Self {
        Self { api: api.clone(), cookies: Vec::new(), language: "es-CO,es;q=0.9" }
    }

    /// A visitor who prefers English.
    pub(crate) fn english(api: &ApiClient) -> Self {
        Self { language: "en", ..Self::new(api) }
    }

    /// A visitor who has signed in through the form.
    pub(crate) async fn signed_in(api: &ApiClient, person: &Person) -> Self {
        let mut visitor = Self::new(api);
        let fields = [("email", person.email.as_str()), ("password", PASSWORD)];
        let response = visitor.submit("/sign-in", &fields).await;
        assert_eq!(response.status, 303, "{}", response.text());
        visitor
    }

    /// A request with cookies, without a header that tells its origin.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.api.request(method, path);
        request
            .header("cookie", cookies.join("; "))
            .header("accept-language", self.language)
            .header("accept", "text/html,*/*;q=0.8")
    }

    /// Opens a page.
    pub(crate) async fn open(&self, path: &str) -> ApiResponse {
        let response = self.request(Method::GET, path).response().await;
        let is_page = response.status / 100 != 3;
        assert!(!is_page || response.header("content-security-policy").is_some(), "{path}");
        response
    }

    /// Asserts that the page exists, and returns its HTML.
    #[track_caller]
    pub(crate) fn html(&self, path: &str) -> impl Future<Output = String> {
        let visitor = self.clone();
        let path = path.to_owned();
        async move {
            let response = visitor.open(&path).await;
            assert_eq!(response.status, 200, "{path}: {}", response.text());
            response.text()
        }
    }

    /// Sends a form from a page of the server, and keeps the cookies.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> ApiResponse {
        let request = self.request(Method::POST, path).header("sec-fetch-site", "same-origin");
        let response = request.body(encoded(fields)).response().await;
        for cookie in response.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        response
    }
}

/// The body of a form, URL-encoded.
pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let pair = |(name, value): &(&str, &str)| format!("{}={}", escape(name), escape(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}
