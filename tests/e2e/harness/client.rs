//! A client of the API, as a program outside would be.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::{AccountId, VideoId};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, PATIENCE};

/// A password that is long enough.
pub(crate) const PASSWORD: &str = "correcto caballo";

/// The API of one server.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) base: String,
    http: reqwest::Client,
}

/// Somebody who has signed up and in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: AccountId,
    pub(crate) first_name: String,
    pub(crate) email: String,
    pub(crate) token: String,
}

impl Api {
    pub(crate) fn new(base: String) -> Self {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
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

    pub(crate) async fn fetch(&self, path: &str) -> Answer {
        self.get(path).answer().await
    }

    pub(crate) async fn sign_up(&self, registration: &Value) -> Answer {
        self.post("/api/auth/signup").json(registration).answer().await
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.post("/api/auth/login").json(&body).answer().await
    }

    /// Somebody new, from Cali, who is signed in.
    pub(crate) async fn somebody(&self, first_name: &str) -> Person {
        self.somebody_from(first_name, "Cali", "Colombia").await
    }

    pub(crate) async fn somebody_from(
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
        let account = self.sign_up(&registration).await.ok(201);
        let session = self.log_in(&email, PASSWORD).await.ok(200);
        Person {
            id: account["id"].as_str().unwrap().parse().unwrap(),
            first_name: first_name.to_owned(),
            email,
            token: session["access_token"].as_str().unwrap().to_owned(),
        }
    }

    /// So many people, who sign up a few at a time.
    pub(crate) async fn crowd(&self, size: usize) -> Vec<Person> {
        use futures_util::StreamExt;
        futures_util::stream::iter(0..size)
            .map(|n| async move { self.somebody(&format!("Voter {n}")).await })
            .buffered(4)
            .collect()
            .await
    }

    pub(crate) fn vote_request(&self, voter: &Person, video: VideoId) -> RequestBuilder {
        self.post(&format!("/api/public/videos/{video}/vote")).bearer_auth(&voter.token)
    }

    pub(crate) async fn vote(&self, voter: &Person, video: VideoId) -> Answer {
        self.vote_request(voter, video).answer().await
    }

    pub(crate) async fn delete(&self, owner: &Person, video: VideoId) -> Answer {
        let path = format!("/api/videos/{video}");
        self.request(Method::DELETE, &path).bearer_auth(&owner.token).answer().await
    }

    pub(crate) fn erase_request(&self, person: &Person, password: &str) -> RequestBuilder {
        let request = self.request(Method::DELETE, "/api/me").bearer_auth(&person.token);
        request.json(&json!({ "password": password }))
    }

    pub(crate) async fn erase(&self, person: &Person) -> Answer {
        self.erase_request(person, PASSWORD).answer().await
    }

    pub(crate) async fn video(&self, owner: &Person, video: VideoId) -> Answer {
        self.get(&format!("/api/videos/{video}")).bearer_auth(&owner.token).answer().await
    }

    pub(crate) fn upload_request(&self, owner: &Person, upload: Upload) -> RequestBuilder {
        let request = self.post("/api/videos/upload").bearer_auth(&owner.token);
        request.multipart(upload.form())
    }

    pub(crate) async fn upload(&self, owner: &Person, upload: Upload) -> Answer {
        self.upload_request(owner, upload).answer().await
    }
}

/// The end of building a request.
pub(crate) trait Ask {
    /// Sends it; panics if there is no answer.
    async fn answer(self) -> Answer;
    /// Sends it; `None` if there is no answer, as when the server dies.
    async fn try_answer(self) -> Option<Answer>;
}

impl Ask for RequestBuilder {
    async fn answer(self) -> Answer {
        Answer::read(self.send().await.unwrap()).await.unwrap()
    }

    async fn try_answer(self) -> Option<Answer> {
        Answer::read(self.send().await.ok()?).await.ok()
    }
}

/// An address that nobody has used.
pub(crate) fn new_email(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{}.{n}@example.com", letters.to_lowercase())
}

/// A registration in which nothing is wrong.
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

/// An upload, right unless told otherwise.
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
