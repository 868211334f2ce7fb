//! A contest under way: people and published videos, straight into the database and the log.

use anyhow::Result;
use domain::event::{Processed, Registered, Uploaded};
use domain::{AccountEvent, AccountId, EmailKey, Event, EventId, VideoEvent, VideoId};
use infra::event_log::NewRecord;
use infra::event_log::envelope::Envelope;
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::World;

/// Records that are appended with one call.
const CHUNK: usize = 500;
const CITIES: [&str; 8] =
    ["Bogotá", "Medellín", "Cali", "Barranquilla", "Cartagena", "Pasto", "Tunja", "Leticia"];

pub(crate) struct Contest {
    /// Everybody; the first ones are the artists.
    pub(crate) people: Vec<AccountId>,
    /// One of each artist, in the same order.
    pub(crate) videos: Vec<VideoId>,
}

impl Contest {
    /// Registers `people`, of whom `artists` have a published video.
    pub(crate) async fn begin(world: &World, people: usize, artists: usize) -> Result<Self> {
        let registrations: Vec<Registration> = (0..people).map(Registration::new).collect();
        remember(&world.pool, &registrations).await?;
        let people: Vec<AccountId> = registrations.iter().map(|person| person.account).collect();
        let videos: Vec<VideoId> = (0..artists).map(|_| VideoId(Uuid::now_v7())).collect();
        let registered = registrations.iter().map(Registration::record);
        let published = videos.iter().zip(&people).flat_map(|(video, owner)| {
            [uploaded(*video, *owner), processed(*video)].map(|event| record(new_id(), event))
        });
        let records = registered.chain(published).collect::<Result<Vec<_>>>()?;
        for chunk in records.chunks(CHUNK) {
            for appended in world.log.append(chunk.to_vec()).await {
                appended?;
            }
        }
        Ok(Self { people, videos })
    }
}

impl Contest {
    /// One that nobody has heard of, for those who do not ask.
    pub(crate) fn imagined(people: usize, artists: usize) -> Self {
        Self {
            people: (0..people).map(|_| AccountId(Uuid::now_v7())).collect(),
            videos: (0..artists).map(|_| VideoId(Uuid::now_v7())).collect(),
        }
    }
}

struct Registration {
    number: usize,
    account: AccountId,
    event: EventId,
}

impl Registration {
    fn new(number: usize) -> Self {
        Self { number, account: AccountId(Uuid::now_v7()), event: new_id() }
    }

    fn email(&self) -> String {
        format!("person.{}@example.com", self.number)
    }

    fn record(&self) -> Result<NewRecord> {
        let registered = Registered {
            account_id: self.account,
            city: CITIES[self.number % CITIES.len()].to_owned(),
            country: "Colombia".to_owned(),
        };
        // Nobody signs in, so it need not be the key that the server would derive.
        let email = EmailKey::derive(&[0; 32], &self.email());
        record(self.event, Event::Account(email, AccountEvent::Registered(registered)))
    }
}

/// Writes down who they are, as signing up does.
async fn remember(pool: &PgPool, people: &[Registration]) -> Result<()> {
    let each = |text: fn(&Registration) -> String| people.iter().map(text).collect::<Vec<_>>();
    sqlx::query(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         select account, event, name, 'Rincón', email, 'none'
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
             as person (account, event, name, email)",
    )
    .bind(people.iter().map(|person| person.account.0).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.event.0).collect::<Vec<_>>())
    .bind(each(|person| format!("Artista {}", person.number)))
    .bind(each(Registration::email))
    .execute(pool)
    .await?;
    Ok(())
}

fn uploaded(video: VideoId, owner: AccountId) -> Event {
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

fn processed(video: VideoId) -> Event {
    let processed = Processed {
        processed_key: format!("processed/{video}.mp4"),
        poster_key: format!("posters/{video}.jpg"),
        hls_key: Some(format!("hls/{video}/master.m3u8")),
        duration_ms: 30_000,
        width: 1_280,
        height: 720,
        bytes: 900_000,
    };
    Event::Video(video, VideoEvent::Processed(processed))
}

fn new_id() -> EventId {
    EventId(Uuid::now_v7())
}

fn record(id: EventId, event: Event) -> Result<NewRecord> {
    Ok(Envelope::new(id, event).into_record()?)
}
