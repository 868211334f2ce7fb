//! What the codec decodes and what it refuses.

use domain::event::codec::{DecodeError, decode, encode};
use domain::event::{FailureReason, ProcessingFailed, Uploaded};
use domain::{Event, EventType, StreamId, VideoEvent};
use serde_json::{Value, json};

use super::dsl::*;

fn of_clip() -> StreamId {
    StreamId::Video(video(CLIP))
}

fn of_ana() -> StreamId {
    StreamId::Account(email("ana@example.com"))
}

fn bad_payload(result: Result<Event, DecodeError>) -> String {
    match result {
        Err(DecodeError::BadPayload(what)) => what,
        other => panic!("expected a bad payload, got {other:?}"),
    }
}

fn an_upload() -> Value {
    json!({
        "video_id": video(CLIP), "owner": person("ana"), "title": "My song", "description": null,
        "original_key": "originals/clip", "bytes": 1, "content_type": "video/mp4",
        "sha256": "ab",
    })
}

#[test]
fn an_unknown_type_is_refused() {
    for unknown in ["anb.vote.withdrawn", "", "ANB.VOTE.CAST", "anb.vote.cast "] {
        assert_eq!(
            decode(&of_clip(), unknown, 1, json!({"voter": person("beto")})),
            Err(DecodeError::UnknownType(unknown.to_owned()))
        );
    }
}

#[test]
fn a_version_that_was_never_written_is_refused() {
    for event_type in EventType::ALL {
        for version in [0, event_type.newest_version() + 1, u32::MAX] {
            let event_type = event_type.code().to_owned();
            assert_eq!(
                decode(&of_clip(), &event_type, version, json!({})),
                Err(DecodeError::UnknownVersion { event_type, version })
            );
        }
    }
}

#[test]
fn an_event_in_a_stream_of_another_kind_is_refused() {
    let wrong = |stream: &StreamId, event_type: &str| {
        Err(DecodeError::WrongStream {
            event_type: event_type.to_owned(),
            stream: stream.to_string(),
        })
    };
    for event_type in EventType::ALL {
        let (code, newest) = (event_type.code(), event_type.newest_version());
        let of_account = ["anb.account.", "anb.operator."];
        let of_account = of_account.iter().any(|kind| code.starts_with(kind));
        let stream = if of_account { of_clip() } else { of_ana() };
        assert_eq!(decode(&stream, code, newest, json!({})), wrong(&stream, code));
    }
}

#[test]
fn an_upload_in_the_stream_of_another_video_is_refused() {
    let stream = StreamId::Video(video("another"));
    assert_eq!(
        decode(&stream, "anb.video.uploaded", 1, an_upload()),
        Err(DecodeError::WrongStream {
            event_type: "anb.video.uploaded".to_owned(),
            stream: stream.to_string(),
        })
    );
}

#[test]
fn the_error_names_a_missing_field() {
    let Value::Object(whole) = an_upload() else { unreachable!() };
    for field in whole.keys().filter(|field| *field != "description") {
        let mut data = whole.clone();
        data.remove(field);
        let what = bad_payload(decode(&of_clip(), "anb.video.uploaded", 1, data.into()));
        assert!(what.contains(field), "{what}");
    }
}

#[test]
fn a_payload_of_the_wrong_shape_is_refused() {
    for data in [
        json!(null),
        json!([]),
        json!("beto"),
        json!({"voter": "nobody"}),
        json!({"voter": 7}),
        json!({"voter": null}),
    ] {
        bad_payload(decode(&of_clip(), "anb.vote.cast", 1, data));
    }
    for attempt in [json!(-1), json!(1.5), json!("1"), json!(u64::from(u32::MAX) + 1)] {
        let data = json!({ "attempt": attempt });
        bad_payload(decode(&of_clip(), "anb.video.processing_started", 1, data));
    }
    let data = json!({"attempt": 1, "reason": "bad_mood", "final": false});
    bad_payload(decode(&of_clip(), "anb.video.processing_failed", 1, data));
}

#[test]
fn unknown_fields_are_ignored() {
    let data = json!({"voter": person("beto"), "mood": {"good": true}});
    let event = decode(&of_clip(), "anb.vote.cast", 1, data).unwrap();
    let again = encode(&event).unwrap();
    assert_eq!(again.data, json!({"voter": person("beto")}));
}

#[test]
fn the_description_of_an_upload_is_optional() {
    for description in [None, Some(Value::Null)] {
        let mut data = an_upload();
        let fields = data.as_object_mut().unwrap();
        fields.remove("description");
        fields.extend(description.map(|value| ("description".to_owned(), value)));
        let event = decode(&of_clip(), "anb.video.uploaded", 1, data);
        let Ok(Event::Video(_, VideoEvent::Uploaded(Uploaded { description, .. }))) = event else {
            panic!("{event:?}");
        };
        assert_eq!(description, None);
    }
}

#[test]
fn failure_reasons_keep_their_codes() {
    let codes = [
        (FailureReason::Undecodable, "undecodable"),
        (FailureReason::UnsupportedFormat, "unsupported_format"),
        (FailureReason::NoVideoStream, "no_video_stream"),
        (FailureReason::TooLarge, "too_large"),
        (FailureReason::TooManyPixels, "too_many_pixels"),
        (FailureReason::TooManyStreams, "too_many_streams"),
        (FailureReason::TooManyFrames, "too_many_frames"),
        (FailureReason::TooLong, "too_long"),
        (FailureReason::TimedOut, "timed_out"),
        (FailureReason::OutOfResources, "out_of_resources"),
        (FailureReason::OutOfSpace, "out_of_space"),
        (FailureReason::WorkerLost, "worker_lost"),
        (FailureReason::StorageUnavailable, "storage_unavailable"),
        (FailureReason::Internal, "internal"),
    ];
    assert_eq!(codes.map(|(reason, _)| reason), FailureReason::ALL);
    for (reason, code) in codes {
        assert_eq!(reason.code(), code);
        assert_eq!(FailureReason::from_code(code), Some(reason));
        let failed = ProcessingFailed { attempt: 1, reason, is_final: false };
        let event = Event::Video(video(CLIP), VideoEvent::ProcessingFailed(failed));
        let encoded = encode(&event).unwrap();
        assert_eq!(encoded.data["reason"], code);
        let event_type = encoded.event_type.code();
        let read = decode(&of_clip(), event_type, encoded.version, encoded.data);
        assert_eq!(read, Ok(event));
    }
    assert_eq!(FailureReason::from_code("bad_mood"), None);
}

#[test]
fn rejections_keep_their_codes() {
    use domain::Rejection as R;
    let codes = [
        (R::EmailTaken, "email_taken"),
        (R::AccountUnknown, "account_unknown"),
        (R::AccountErased, "account_erased"),
        (R::AlreadyOperator, "already_operator"),
        (R::NotOperator, "not_operator"),
        (R::VideoExists, "video_exists"),
        (R::VideoUnknown, "video_unknown"),
        (R::VideoDeleted, "video_deleted"),
        (R::NotOwner, "not_owner"),
        (R::HasVotes { votes: 0 }, "has_votes"),
        (R::NotVotable, "not_votable"),
        (R::AlreadyVoted, "already_voted"),
        (R::AlreadyFinished, "already_finished"),
    ];
    assert_eq!(codes.map(|(rejection, _)| rejection), R::ALL);
    for (rejection, code) in codes {
        assert_eq!(rejection.code(), code);
        assert_eq!(R::from_code(code, rejection.votes()), Some(rejection));
    }
    assert_eq!(R::from_code("has_votes", Some(3)), Some(R::HasVotes { votes: 3 }));
    assert_eq!(R::from_code("has_votes", None), None);
    assert_eq!(R::from_code("bad_mood", None), None);
}

#[test]
fn stream_ids_read_back() {
    for stream in [of_clip(), of_ana()] {
        assert_eq!(stream.to_string().parse(), Ok(stream));
    }
    for text in ["", "video-", "video-x", "account-", "account-ab", "vote-1", "clip"] {
        assert!(text.parse::<StreamId>().is_err(), "{text}");
    }
}

/// A second spelling of a stream id would send half of the stream to another partition.
#[test]
fn a_stream_id_has_one_spelling() {
    let id = video(CLIP).0;
    assert_eq!(format!("video-{id}").parse(), Ok(of_clip()));
    let others = [
        id.to_string().to_uppercase(),
        id.simple().to_string(),
        id.braced().to_string(),
        id.urn().to_string(),
    ];
    for other in others {
        assert!(format!("video-{other}").parse::<StreamId>().is_err(), "{other}");
    }
}
