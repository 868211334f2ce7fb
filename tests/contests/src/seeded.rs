//! Small contests with random ids.

use anyhow::Result;
use domain::{AccountId, EventId, VideoId};
use infra::database::Pool;
use infra::event_log::EventLog;
use infra::event_log::envelope::Envelope;
use uuid::Uuid;

use crate::events::{Registration, insert_personal_data, processed, uploaded};

/// Records per append.
const CHUNK: usize = 500;
const CITIES: [&str; 8] =
    ["Bogotá", "Medellín", "Cali", "Barranquilla", "Cartagena", "Pasto", "Tunja", "Leticia"];

/// The accounts and videos of a contest.
pub struct SeededContest {
    /// Artists first, then fans.
    pub accounts: Vec<AccountId>,
    /// One video per artist, in the same order.
    pub videos: Vec<VideoId>,
}

impl SeededContest {
    /// Random ids that no log knows.
    pub fn unregistered(accounts: usize, artists: usize) -> Self {
        Self {
            accounts: (0..accounts).map(|_| AccountId(Uuid::now_v7())).collect(),
            videos: (0..artists).map(|_| VideoId(Uuid::now_v7())).collect(),
        }
    }

    /// Registers `accounts`, of whom the first `artists` get a published video.
    ///
    /// # Errors
    /// If the database or the log does not take everything.
    pub async fn append(
        pool: &Pool,
        log: &dyn EventLog,
        accounts: usize,
        artists: usize,
    ) -> Result<Self> {
        let contest = Self::unregistered(accounts, artists);
        let registrations: Vec<_> = contest.accounts.iter().enumerate().map(registration).collect();
        insert_personal_data(pool, &registrations).await?;
        let registered = registrations.iter().map(|person| (person.event, person.registered()));
        let published = contest.videos.iter().zip(&contest.accounts).flat_map(|(video, owner)| {
            [uploaded(*video, *owner), processed(*video)].map(|event| (new_id(), event))
        });
        let records = registered
            .chain(published)
            .map(|(id, event)| Ok(Envelope::new(id, event).into_record()?))
            .collect::<Result<Vec<_>>>()?;
        for chunk in records.chunks(CHUNK) {
            for appended in log.append(chunk.to_vec()).await {
                appended?;
            }
        }
        Ok(contest)
    }
}

fn registration((number, account): (usize, &AccountId)) -> Registration {
    Registration {
        number,
        account: *account,
        event: new_id(),
        email: format!("person.{number}@example.com"),
        city: CITIES[number % CITIES.len()],
        country: "Colombia",
    }
}

fn new_id() -> EventId {
    EventId(Uuid::now_v7())
}
