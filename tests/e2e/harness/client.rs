//! A client of the HTTP API.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::{AccountId, VideoId};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::api_response::ApiResponse;
use super::wait::TEST_TIMEOUT;

/// A valid password.
pub(crate) const PASSWORD: &str = "correcto caballo";

/// A client of one server.
#[derive(Clone)]
pub(crate) struct ApiClient {
    pub(crate) base: String,
    http: reqwest::Client,
}

/// A person with an account and an access token.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: AccountId,
    pub(crate) first_name: String,
    pub(crate) email: String,
    pub(crate) token: String,
}

impl ApiClient {
    pub(crate) fn new(base: String) -> Self {
        let http = reqwest::Client::builder()
            .timeout(TEST_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { base, http }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url =
            if path.starts_with("http") { path.into() } else { format!("{}{path}", self.base) };
        self.http.request(method, url)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    pub(crate) async fn fetch(&self, path: &str) -> ApiResponse {
        self.get(path).response().await
    }

    pub(crate) async fn sign_up(&self, registration: &Value) -> ApiResponse {
        self.post("/api/auth/signup").json(registration).response().await
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> ApiResponse {
        let body = json!({"email": email, "password": password});
        self.post("/api/auth/login").json(&body).response().await
    }

    /// A new person from Cali, signed in.
    pub(crate) async fn new_person(&self, first_name: &str) -> Person {
        self.new_person_from(first_name, "Cali", "Colombia").await
    }

    pub(crate) async fn new_person_from(
        &self,
        first_name: &str,
        city: &str,
        country: &str,
    ) -> Person {
        let email = new_email(first_name);
        let mut registration = registration(&email);
        registration["first_name"] = first_name.into();
        registration["city"] = city.into();
        registration["country"] = country.into();
        let account = self.sign_up(&registration).await.expect(201);
        let session = self.log_in(&email, PASSWORD).await.expect(200);
        Person {
            id: account["id"].as_str().unwrap().parse().unwrap(),
            first_name: first_name.to_owned(),
            email,
            token: session["access_token"].as_str().unwrap().to_owned(),
        }
    }

    /// `size` new people; four sign up at a time.
    pub(crate) async fn new_people(&self, size: usize) -> Vec<Person> {
        use futures_util::StreamExt;
        futures_util::stream::iter(0..size)
            .map(|n| async move { self.new_person(&format!("Voter {n}")).await })
            .buffered(4)
            .collect()
            .await
    }

    pub(crate) fn vote_request(&self, voter: &Person, video: VideoId) -> RequestBuilder {
        self.post(&format!("/api/public/videos/{video}/vote")).bearer_auth(&voter.token)
    }

    pub(crate) async fn vote(&self, voter: &Person, video: VideoId) -> ApiResponse {
        self.vote_request(voter, video).response().await
    }

    pub(crate) async fn delete(&self, owner: &Person, video: VideoId) -> ApiResponse {
        let path = format!("/api/videos/{video}");
        self.request(Method::DELETE, &path).bearer_auth(&owner.token).response().await
    }

    pub(crate) fn erase_request(&self, person: &Person, password: &str) -> RequestBuilder {
        let request = self.request(Method::DELETE, "/api/me").bearer_auth(&person.token);
        request.json(&json!({ "password": password }))
    }

    pub(crate) async fn erase(&self, person: &Person) -> ApiResponse {
        self.erase_request(person, PASSWORD).response().await
    }

    pub(crate) async fn video(&self, owner: &Person, video: VideoId) -> ApiResponse {
        self.get(&format!("/api/videos/{video}")).bearer_auth(&owner.token).response().await
    }

    pub(crate) fn upload_request(&self, owner: &Person, upload: Upload) -> RequestBuilder {
        let request = self.post("/api/videos/upload").bearer_auth(&owner.token);
        request.multipart(upload.form())
    }

    pub(crate) async fn upload(&self, owner: &Person, upload: Upload) -> ApiResponse {
        self.upload_request(owner, upload).response().await
    }
}

/// Sends a request that is built.
pub(crate) trait SendRequest {
    /// Panics without a response.
    async fn response(self) -> ApiResponse;
    /// `None` without a response, as when the server crashes.
    async fn try_response(self) -> Option<ApiResponse>;
}

impl SendRequest for RequestBuilder {
    async fn response(self) -> ApiResponse {
        ApiResponse::read(self.send().await.unwrap()).await.unwrap()
    }

    async fn try_response(self) -> Option<ApiResponse> {
        ApiResponse::read(self.send().await.ok()?).await.ok()
    }
}

/// An unused address.
pub(crate) fn new_email(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{}.{n}@example.com", letters.to_lowercase())
}

/// A valid registration.
pub(crate) fn registration(email: &str) -> Value {
    json!({
        "first_name": "Ana",
        "last_name": "Rincón",
        "email": email,
        "password1": PASSWORD,
        "password2": PASSWORD,
        "city": "Bogotá",
        "country": "Colombia",
    })
}

/// An upload; [`Upload::of`] makes a valid one.
pub(crate) struct Upload {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) file: Vec<u8>,
    pub(crate) file_name: String,
    pub(crate) content_type: String,
}

impl Upload {
    pub(crate) fn of(file: Vec<u8>) -> Self {
        Self {
            title: Some("Mi canción".to_owned()),
            description: Some("En vivo".to_owned()),
            file,
            file_name: "clip.mp4".to_owned(),
            content_type: "video/mp4".to_owned(),
        }
    }

    fn form(self) -> Form {
        let mut form = Form::new();
        if let Some(title) = self.title {
            form = form.text("title", title);
        }
        if let Some(description) = self.description {
            form = form.text("description", description);
        }
        let part = Part::bytes(self.file).file_name(self.file_name);
        form.part("file", part.mime_str(&self.content_type).unwrap())
    }
}
