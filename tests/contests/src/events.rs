//! The events of an invented contest, and the personal data that belong to them.

use anyhow::Result;
use domain::event::{Processed, Registered, Uploaded};
use domain::{AccountEvent, AccountId, EmailKey, Event, EventId, VideoEvent, VideoId, object_keys};
use infra::database::Pool;

const FIRST_NAMES: [&str; 9] =
    ["Sofía", "Mateo", "Valentina", "Andrés", "Ximena", "Óscar", "Begoña", "Julián", "Camila"];
const LAST_NAMES: [&str; 7] =
    ["García Peña", "Muñoz", "Rojas Díaz", "Quiñones", "Torres Ríos", "Zúñiga", "López Mejía"];

/// The secret of the invented addresses. If the server has made one already, it stays: no account signs in.
const EMAIL_SECRET: [u8; 32] = [0; 32];

/// An account to register.
pub(crate) struct Registration {
    pub(crate) number: usize,
    pub(crate) account: AccountId,
    pub(crate) event: EventId,
    pub(crate) email: String,
    pub(crate) city: &'static str,
    pub(crate) country: &'static str,
}

impl Registration {
    pub(crate) fn registered(&self) -> Event {
        let registered = Registered {
            account_id: self.account,
            city: self.city.to_owned(),
            country: self.country.to_owned(),
        };
        let email = EmailKey::derive(&EMAIL_SECRET, &self.email);
        Event::Account(email, AccountEvent::Registered(registered))
    }
}

/// Inserts the rows that a sign-up writes before its event, and the secret of the addresses: a server does
/// not start with accounts and without it. Rows that exist stay as they are.
pub(crate) async fn insert_personal_data(pool: &Pool, people: &[Registration]) -> Result<()> {
    let name = |names: &[&str], of: &Registration| names[of.number % names.len()].to_owned();
    let accounts: Vec<_> = people.iter().map(|person| person.account.0).collect();
    let events: Vec<_> = people.iter().map(|person| person.event.0).collect();
    let first_names: Vec<_> = people.iter().map(|person| name(&FIRST_NAMES, person)).collect();
    let last_names: Vec<_> = people.iter().map(|person| name(&LAST_NAMES, person)).collect();
    let emails: Vec<_> = people.iter().map(|person| person.email.clone()).collect();
    sqlx::query!(
        "insert into secrets (name, value) values ('email_hmac', $1) on conflict do nothing",
        &EMAIL_SECRET[..],
    )
    .execute(pool)
    .await?;
    sqlx::query!(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         select account, event, first_name, last_name, email, ''
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
             as person (account, event, first_name, last_name, email)
         on conflict do nothing",
        &accounts,
        &events,
        &first_names,
        &last_names,
        &emails,
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub(crate) fn uploaded(video: VideoId, owner: AccountId) -> Event {
    let uploaded = Uploaded {
        video_id: video,
        owner,
        title: "La canción de siempre".to_owned(),
        description: None,
        original_key: format!("originals/{video}.mp4"),
        bytes: 1_000_000,
        content_type: "video/mp4".to_owned(),
        sha256: "00".repeat(32),
    };
    Event::Video(video, VideoEvent::Uploaded(uploaded))
}

pub(crate) fn processed(video: VideoId) -> Event {
    let processed = Processed {
        processed_key: object_keys::processed(video),
        poster_key: object_keys::poster(video),
        hls_key: Some(format!("hls/{video}/master.m3u8")),
        duration_ms: 30_000,
        width: 1_280,
        height: 720,
        bytes: 900_000,
    };
    Event::Video(video, VideoEvent::Processed(processed))
}
