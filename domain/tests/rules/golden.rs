//! Golden files: how each version of each event is encoded in the log.
//!
//! `golden/<type>.v<version>.json` holds one event as the log holds it. A new version of a type
//! adds a file and leaves the old ones unchanged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::event::codec;
use domain::event::{
    Deleted, Erased, FailureReason, OperatorGranted, OperatorRevoked, Processed, ProcessingFailed,
    ProcessingStarted, Registered, Uploaded, VoteCast, Withdrawn,
};
use domain::{AccountEvent, AccountId, EmailKey, Event, EventType, StreamId, VideoEvent, VideoId};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Each golden file and the SHA-256 of its bytes.
const DIGESTS: [(&str, &str); 13] = [
    (
        "anb.operator.granted.v1.json",
        "3e9399136895907d1d02d49c59add957dc82f8db582c41a4f8b0f20d544e052c",
    ),
    (
        "anb.operator.revoked.v1.json",
        "bd5c391c4dd043498b3b69045d4357eb5852df5930bbf51f38a7c834f396637e",
    ),
    (
        "anb.video.withdrawn.v1.json",
        "e208819c95e417e97c3c9a32cd2dad3635461633e76e5a4c45b3f71519a30dc8",
    ),
    (
        "anb.account.erased.v1.json",
        "2dd79617ea13251ce107c51e780b545fde08abb0a6a402db0bebc8b9a9908fe0",
    ),
    (
        "anb.account.registered.v1.json",
        "e68d035c02061f90082e75d6967b6718ff9383bf019580944972e7a600ade1a6",
    ),
    (
        "anb.video.uploaded.v1.json",
        "d595245cb2f9b8dd89c361921ced8d0062b5af2364b1ae4cc2eb2167dcb08a4d",
    ),
    (
        "anb.video.processing_started.v1.json",
        "44397ad59c78fe928c738d00d51c3ff554e8ea1472a9709a6ac97ea4d546a123",
    ),
    (
        "anb.video.processed.v1.json",
        "667deca97aa8b38cdb26a8f1872fad06aacde691fced91c04b943247ec820e38",
    ),
    (
        "anb.video.processed.v2.json",
        "d6087af0608897f90508f7f03d97c9f9968cd0e7e5d974dab0a49291280cf35a",
    ),
    (
        "anb.video.processing_failed.v1.json",
        "a9d517e57fe4dea24df3a60bc7e5466b2cc6ff35360581483ac3a4c65890621e",
    ),
    (
        "anb.video.processing_failed.v2.json",
        "aaed0cf48eb0ef23e1dae37e951949dbc63a96c6559e4e9d8604057b15c358dd",
    ),
    (
        "anb.video.deleted.v1.json",
        "86216e1fbc71654fd3312f53583f10efc2e69f69b2b100ef9338e553fdeba356",
    ),
    ("anb.vote.cast.v1.json", "ac5761b0371786a2e7c8bf53fde0d5be67d984434a864be23608b50c94db68af"),
];

const VIDEO: VideoId = VideoId(Uuid::from_u128(0x018f4b1e_7c3a_7d52_9b1a_2f6d0c9e4a11));
const ARTIST: AccountId = AccountId(Uuid::from_u128(0x018f4b1e_6a01_7c44_8f0e_5b7a3d2c1e90));
const VOTER: AccountId = AccountId(Uuid::from_u128(0x018f4b1f_0b2d_7e6f_a1c3_94d8e7f60b5c));
const EMAIL: &str = "5f1d8a3c0e9b7264d3a1c8f05b6e92740a4cd7e8163f59b2807acdef12345690";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    #[serde(rename = "type")]
    event_type: String,
    version: u32,
    stream: String,
    data: Value,
}

impl Golden {
    fn read(name: &str) -> Self {
        serde_json::from_slice(&std::fs::read(folder().join(name)).unwrap()).unwrap()
    }

    fn stream(&self) -> StreamId {
        self.stream.parse().unwrap()
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn files() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn file_name(event_type: &str, version: u32) -> String {
    format!("{event_type}.v{version}.json")
}

/// The event that each golden file decodes to.
fn meanings() -> BTreeMap<&'static str, Event> {
    let of_video = |event| Event::Video(VIDEO, event);
    BTreeMap::from([
        (
            "anb.account.registered.v1.json",
            Event::Account(
                EmailKey::parse(EMAIL).unwrap(),
                AccountEvent::Registered(Registered {
                    account_id: ARTIST,
                    city: "Bogotá".into(),
                    country: "Colombia".into(),
                }),
            ),
        ),
        (
            "anb.account.erased.v1.json",
            Event::Account(
                EmailKey::parse(EMAIL).unwrap(),
                AccountEvent::Erased(Erased { account_id: ARTIST }),
            ),
        ),
        (
            "anb.operator.granted.v1.json",
            Event::Account(
                EmailKey::parse(EMAIL).unwrap(),
                AccountEvent::OperatorGranted(OperatorGranted { account_id: ARTIST }),
            ),
        ),
        (
            "anb.operator.revoked.v1.json",
            Event::Account(
                EmailKey::parse(EMAIL).unwrap(),
                AccountEvent::OperatorRevoked(OperatorRevoked { account_id: ARTIST }),
            ),
        ),
        (
            "anb.video.uploaded.v1.json",
            of_video(VideoEvent::Uploaded(Uploaded {
                video_id: VIDEO,
                owner: ARTIST,
                title: "Mi canción".into(),
                description: Some("En vivo desde la plaza".into()),
                original_key: format!("originals/{VIDEO}.mp4"),
                bytes: 10_485_760,
                content_type: "video/mp4".into(),
                sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            })),
        ),
        (
            "anb.video.processing_started.v1.json",
            of_video(VideoEvent::ProcessingStarted(ProcessingStarted { attempt: 2 })),
        ),
        (
            "anb.video.processed.v1.json",
            of_video(VideoEvent::Processed(Processed {
                processed_key: format!("processed/{VIDEO}.mp4"),
                poster_key: format!("posters/{VIDEO}.jpg"),
                hls_key: None,
                duration_ms: 29_967,
                width: 1_280,
                height: 720,
                bytes: 4_194_304,
            })),
        ),
        (
            "anb.video.processed.v2.json",
            of_video(VideoEvent::Processed(Processed {
                processed_key: format!("processed/{VIDEO}.mp4"),
                poster_key: format!("posters/{VIDEO}.jpg"),
                hls_key: Some(format!("hls/{VIDEO}/master.m3u8")),
                duration_ms: 29_967,
                width: 1_280,
                height: 720,
                bytes: 4_194_304,
            })),
        ),
        (
            "anb.video.processing_failed.v1.json",
            of_video(VideoEvent::ProcessingFailed(ProcessingFailed {
                attempt: 3,
                reason: FailureReason::NoVideoStream,
                is_final: true,
            })),
        ),
        (
            "anb.video.processing_failed.v2.json",
            of_video(VideoEvent::ProcessingFailed(ProcessingFailed {
                attempt: 1,
                reason: FailureReason::TooManyPixels,
                is_final: true,
            })),
        ),
        ("anb.video.deleted.v1.json", of_video(VideoEvent::Deleted(Deleted { by: ARTIST }))),
        (
            "anb.video.withdrawn.v1.json",
            of_video(VideoEvent::Withdrawn(Withdrawn { owner: ARTIST })),
        ),
        ("anb.vote.cast.v1.json", of_video(VideoEvent::VoteCast(VoteCast { voter: VOTER }))),
    ])
}

#[test]
fn every_version_of_every_event_type_has_one_golden_file() {
    let versions = |event_type: &EventType| {
        let code = event_type.code();
        (1..=event_type.newest_version()).map(move |version| file_name(code, version))
    };
    let mut expected: Vec<String> = EventType::ALL.iter().flat_map(versions).collect();
    expected.sort();
    assert_eq!(files(), expected);
    assert_eq!(meanings().into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn golden_files_are_never_edited() {
    let mut pinned: Vec<&str> = DIGESTS.iter().map(|(name, _)| *name).collect();
    pinned.sort_unstable();
    assert_eq!(files(), pinned, "a golden file has no pinned digest, or a pinned one is gone");
    for (name, pinned) in DIGESTS {
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let digest = hex::encode(Sha256::digest(bytes));
        assert_eq!(
            digest, pinned,
            "{name} was edited, but logs hold events of this form. Restore the file, give the type a \
             new version with a golden file of its own, and write an upcaster in \
             `domain::event::codec`."
        );
    }
}

#[test]
fn every_golden_file_is_named_after_what_it_holds() {
    for name in files() {
        let golden = Golden::read(&name);
        assert_eq!(name, file_name(&golden.event_type, golden.version));
    }
}

#[test]
fn every_golden_file_decodes_to_its_meaning() {
    for (name, meaning) in meanings() {
        let golden = Golden::read(name);
        let stream = golden.stream();
        let event = codec::decode(&stream, &golden.event_type, golden.version, golden.data);
        assert_eq!(event, Ok(meaning), "{name}");
    }
}

#[test]
fn the_newest_golden_file_is_what_is_encoded_today() {
    let meanings = meanings();
    for event_type in EventType::ALL {
        let newest = event_type.newest_version();
        let name = file_name(event_type.code(), newest);
        let golden = Golden::read(&name);
        let event = &meanings[name.as_str()];
        let encoded = codec::encode(event).unwrap();
        assert_eq!((encoded.event_type, encoded.version), (*event_type, newest));
        assert_eq!(encoded.data, golden.data, "{name}");
        assert_eq!(event.stream(), golden.stream(), "{name}");
        assert_eq!(event.stream().to_string(), golden.stream, "{name}");
    }
}
