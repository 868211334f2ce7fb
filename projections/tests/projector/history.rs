//! Random histories of a small contest, with events of every kind and with duplicates.

use chrono::DateTime;
use domain::event::{
    Deleted, Erased, FailureReason, OperatorGranted, OperatorRevoked, Processed, ProcessingFailed,
    ProcessingStarted, Registered, Uploaded, VoteCast, Withdrawn,
};
use domain::{AccountEvent, AccountId, EmailKey, Event, EventId, VideoEvent, VideoId, object_keys};
use infra::event_log::Record;
use infra::event_log::envelope::Envelope;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::projector::memory_log::record;

const PERSONS: u128 = 8;
const VIDEOS: u128 = 6;
/// Accounts of one person have numbers that differ by this.
const SECOND_ACCOUNT: u128 = 100;

pub(crate) fn person(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(0xa000 + n))
}

pub(crate) fn video(n: u128) -> VideoId {
    VideoId(Uuid::from_u128(0xb000 + n))
}

fn owner(video: u128) -> AccountId {
    person(video % PERSONS)
}

/// `length` records from `seed`, with growing times. One in five repeats an earlier event.
pub(crate) fn records(seed: u64, length: usize) -> Vec<Record> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut written: Vec<Envelope> = Vec::new();
    (0..length)
        .map(|step| {
            let again = !written.is_empty() && rng.random_ratio(1, 5);
            let envelope = if again {
                written[rng.random_range(0..written.len())].clone()
            } else {
                let id = EventId(Uuid::from_u128(u128::from(seed) << 64 | (step as u128 + 1)));
                Envelope::new(id, random_event(&mut rng))
            };
            written.push(envelope.clone());
            let at = DateTime::from_timestamp_millis(1_700_000_000_000 + step as i64).unwrap();
            record(envelope.into_record().unwrap(), at)
        })
        .collect()
}

fn random_event(rng: &mut StdRng) -> Event {
    let number = rng.random_range(0..VIDEOS);
    let id = video(number);
    let event = match rng.random_range(0..20) {
        0..2 => return registered(random_account(rng)),
        2 => return erased(random_account(rng)),
        3..6 => uploaded(number),
        6 => VideoEvent::ProcessingStarted(ProcessingStarted { attempt: rng.random_range(1..4) }),
        7..9 => processed(number),
        9 => VideoEvent::ProcessingFailed(ProcessingFailed {
            attempt: rng.random_range(1..4),
            reason: FailureReason::Undecodable,
            is_final: rng.random_ratio(1, 3),
        }),
        10 if rng.random_ratio(1, 4) => VideoEvent::Withdrawn(Withdrawn { owner: owner(number) }),
        10 => VideoEvent::Deleted(Deleted { by: person(rng.random_range(0..PERSONS)) }),
        // Rare: nothing happens to a deleted video.
        11 if rng.random_ratio(1, 8) => VideoEvent::Deleted(Deleted { by: owner(number) }),
        12 => return change_of_role(random_account(rng), rng.random_ratio(1, 2)),
        _ => VideoEvent::VoteCast(VoteCast { voter: person(rng.random_range(0..PERSONS)) }),
    };
    Event::Video(id, event)
}

/// A person's first account, or a second one with the same address.
fn random_account(rng: &mut StdRng) -> u128 {
    rng.random_range(0..PERSONS) + if rng.random_ratio(1, 3) { SECOND_ACCOUNT } else { 0 }
}

pub(crate) fn email(n: u128) -> EmailKey {
    EmailKey::derive(&[7; 32], &format!("person-{}@example.com", n % SECOND_ACCOUNT))
}

pub(crate) fn erased(n: u128) -> Event {
    Event::Account(email(n), AccountEvent::Erased(Erased { account_id: person(n) }))
}

fn change_of_role(n: u128, granted: bool) -> Event {
    let account_id = person(n);
    let event = if granted {
        AccountEvent::OperatorGranted(OperatorGranted { account_id })
    } else {
        AccountEvent::OperatorRevoked(OperatorRevoked { account_id })
    };
    Event::Account(email(n), event)
}

pub(crate) fn registered(n: u128) -> Event {
    Event::Account(
        email(n),
        AccountEvent::Registered(Registered {
            account_id: person(n),
            city: ["Bogotá", "Cali", "BOGOTA"][n as usize % 3].to_owned(),
            country: "Colombia".to_owned(),
        }),
    )
}

pub(crate) fn uploaded(n: u128) -> VideoEvent {
    VideoEvent::Uploaded(Uploaded {
        video_id: video(n),
        owner: owner(n),
        title: format!("Video {n}"),
        description: n.is_multiple_of(2).then(|| "A description".to_owned()),
        original_key: format!("originals/{n}.mp4"),
        bytes: 1000 + n as u64,
        content_type: "video/mp4".to_owned(),
        sha256: "00".repeat(32),
    })
}

pub(crate) fn processed(n: u128) -> VideoEvent {
    VideoEvent::Processed(Processed {
        processed_key: object_keys::processed(video(n)),
        poster_key: object_keys::poster(video(n)),
        hls_key: n.is_multiple_of(2).then(|| object_keys::hls_folder(video(n)) + "master.m3u8"),
        duration_ms: 30_000,
        width: 1280,
        height: 720,
        bytes: 500,
    })
}
