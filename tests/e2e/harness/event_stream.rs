//! A client of the ranking stream: server-sent events.

use reqwest::Response;
use serde_json::Value;

use super::client::ApiClient;
use super::wait::TEST_TIMEOUT;

/// An open stream.
pub(crate) struct EventStream {
    response: Response,
    buffer: String,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl EventStream {
    /// Opens the stream of a board.
    pub(crate) async fn watch(api: &ApiClient, query: &str, last_id: Option<&str>) -> Self {
        let mut request = api.get(&format!("/api/public/rankings/stream{query}"));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: String::new() }
    }

    /// The next event; `None` if the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let event = parse(block);
                self.buffer = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(TEST_TIMEOUT, self.response.chunk()).await.unwrap();
            self.buffer.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    /// Asserts that the next event is of this kind, and returns it.
    pub(crate) async fn expect(&mut self, kind: &str) -> Event {
        let event = self.next().await.expect("the stream goes on");
        assert_eq!(event.kind, kind, "{event:?}");
        event
    }
}

/// `None` for a block without data, such as a keep-alive comment.
fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let value = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned)
    };
    let data = serde_json::from_str(&field("data")?).unwrap();
    Some(Event { kind: field("event")?, id: field("id")?, data })
}
