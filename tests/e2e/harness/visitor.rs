//! Somebody with a browser that has no scripts: pages, forms and cookies.

use reqwest::{Method, RequestBuilder};

use super::client::{Ask, PASSWORD};
use super::{Answer, Api, Person};

/// A visitor of the pages.
#[derive(Clone)]
pub(crate) struct Visitor {
    api: Api,
    cookies: Vec<(String, String)>,
    language: &'static str,
}

impl Visitor {
    pub(crate) fn new(api: &Api) -> Self {
        Self { api: api.clone(), cookies: Vec::new(), language: "es-CO,es;q=0.9" }
    }

    /// One who reads English.
    pub(crate) fn english(api: &Api) -> Self {
        Self { language: "en", ..Self::new(api) }
    }

    /// One who has signed in through the form.
    pub(crate) async fn signed_in(api: &Api, person: &Person) -> Self {
        let mut visitor = Self::new(api);
        let fields = [("email", person.email.as_str()), ("password", PASSWORD)];
        let answer = visitor.send("/sign-in", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        visitor
    }

    /// A request as this browser makes it, without what tells where it comes from.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.api.request(method, path);
        request
            .header("cookie", cookies.join("; "))
            .header("accept-language", self.language)
            .header("accept", "text/html,*/*;q=0.8")
    }

    /// A page.
    pub(crate) async fn open(&self, path: &str) -> Answer {
        let answer = self.request(Method::GET, path).answer().await;
        let is_page = answer.status / 100 != 3;
        assert!(!is_page || answer.header("content-security-policy").is_some(), "{path}");
        answer
    }

    /// The text of a page that must be there.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> impl Future<Output = String> {
        let visitor = self.clone();
        let path = path.to_owned();
        async move {
            let answer = visitor.open(&path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.text()
        }
    }

    /// Sends a form of ours.
    pub(crate) async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::POST, path).header("sec-fetch-site", "same-origin");
        let answer = request.body(encoded(fields)).answer().await;
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }
}

/// A form's body; fields whose letters need no escapes come out as a browser writes them.
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
