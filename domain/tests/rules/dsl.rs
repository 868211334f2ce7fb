//! The language of the specifications: `given(history).when(event).then(outcome)`.

use std::fmt::Debug;

use domain::event::{
    Deleted, Erased, FailureReason, OperatorGranted, OperatorRevoked, Processed, ProcessingFailed,
    ProcessingStarted, Registered, Uploaded, VoteCast, Withdrawn,
};
use domain::fold::fold;
use domain::video::{Failure, Published};
use domain::{
    Account, AccountEvent, AccountId, Changes, Contest, EmailKey, Event, EventId, FoldOutcome,
    Position, Recorded, Rejection, Timestamp, Verdict, Video, VideoEvent, VideoId, VideoState,
};
use uuid::Uuid;

/// The namespace in which names become ids.
const CAST: Uuid = Uuid::from_u128(0xa11b);

/// The video that most specifications are about.
pub(super) const CLIP: &str = "clip";

pub(super) fn person(name: &str) -> AccountId {
    AccountId(Uuid::new_v5(&CAST, name.as_bytes()))
}

pub(super) fn video(name: &str) -> VideoId {
    VideoId(Uuid::new_v5(&CAST, name.as_bytes()))
}

pub(super) fn event_id(name: &str) -> EventId {
    EventId(Uuid::new_v5(&CAST, name.as_bytes()))
}

pub(super) fn email(address: &str) -> EmailKey {
    EmailKey::derive(&[7; 32], address)
}

/// When the log appended the `n`th event of a specification, counted from 0.
pub(super) fn moment(n: usize) -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000 + n as i64, 0).unwrap()
}

/// An event of a specification.
#[derive(Clone)]
pub(super) struct Step {
    event: Event,
    id: Option<EventId>,
}

impl Step {
    /// Names the event. Two steps of one name are two deliveries of one event.
    pub(super) fn called(mut self, name: &str) -> Self {
        self.id = Some(event_id(name));
        self
    }

    fn record(self, n: usize) -> Recorded {
        Recorded {
            event_id: self.id.unwrap_or_else(|| event_id(&format!("event {n}"))),
            position: Position { partition: 0, offset: n as u64 },
            at: moment(n),
            event: self.event,
        }
    }
}

fn step(event: Event) -> Step {
    Step { event, id: None }
}

fn of_video(name: &str, event: VideoEvent) -> Step {
    step(Event::Video(video(name), event))
}

pub(super) fn registers(name: &str, address: &str) -> Step {
    let registered =
        Registered { account_id: person(name), city: "Cali".into(), country: "Colombia".into() };
    step(Event::Account(email(address), AccountEvent::Registered(registered)))
}

pub(super) fn erases(name: &str, address: &str) -> Step {
    let erased = Erased { account_id: person(name) };
    step(Event::Account(email(address), AccountEvent::Erased(erased)))
}

pub(super) fn becomes_operator(name: &str, address: &str) -> Step {
    let granted = OperatorGranted { account_id: person(name) };
    step(Event::Account(email(address), AccountEvent::OperatorGranted(granted)))
}

pub(super) fn loses_the_role(name: &str, address: &str) -> Step {
    let revoked = OperatorRevoked { account_id: person(name) };
    step(Event::Account(email(address), AccountEvent::OperatorRevoked(revoked)))
}

pub(super) fn uploads(owner: &str, name: &str) -> Step {
    let uploaded = Uploaded {
        video_id: video(name),
        owner: person(owner),
        title: "My song".into(),
        description: Some("Live".into()),
        original_key: format!("originals/{name}"),
        bytes: 1_000,
        content_type: "video/mp4".into(),
        sha256: "ab".repeat(32),
    };
    of_video(name, VideoEvent::Uploaded(uploaded))
}

pub(super) fn attempt_starts(name: &str, attempt: u32) -> Step {
    of_video(name, VideoEvent::ProcessingStarted(ProcessingStarted { attempt }))
}

pub(super) fn is_processed(name: &str) -> Step {
    let processed = Processed {
        processed_key: format!("processed/{name}"),
        poster_key: format!("posters/{name}"),
        hls_key: Some(format!("hls/{name}/master.m3u8")),
        duration_ms: 30_000,
        width: 1_280,
        height: 720,
        bytes: 900,
    };
    of_video(name, VideoEvent::Processed(processed))
}

pub(super) fn attempt_fails(name: &str, attempt: u32) -> Step {
    let reason = FailureReason::WorkerLost;
    let failed = ProcessingFailed { attempt, reason, is_final: false };
    of_video(name, VideoEvent::ProcessingFailed(failed))
}

pub(super) fn fails_for_good(name: &str, attempt: u32) -> Step {
    let reason = FailureReason::Undecodable;
    let failed = ProcessingFailed { attempt, reason, is_final: true };
    of_video(name, VideoEvent::ProcessingFailed(failed))
}

pub(super) fn deletes(by: &str, name: &str) -> Step {
    of_video(name, VideoEvent::Deleted(Deleted { by: person(by) }))
}

pub(super) fn is_withdrawn(owner: &str, name: &str) -> Step {
    of_video(name, VideoEvent::Withdrawn(Withdrawn { owner: person(owner) }))
}

pub(super) fn votes(voter: &str, name: &str) -> Step {
    of_video(name, VideoEvent::VoteCast(VoteCast { voter: person(voter) }))
}

/// Ana's clip, published by the third event, which is called `published`.
pub(super) fn a_published_clip() -> Vec<Step> {
    vec![uploads("ana", CLIP), attempt_starts(CLIP, 1), is_processed(CLIP).called("published")]
}

pub(super) fn a_published_clip_and(more: impl IntoIterator<Item = Step>) -> Vec<Step> {
    a_published_clip().into_iter().chain(more).collect()
}

/// What [`is_processed`], as the `n`th event and called `published`, makes of the clip.
pub(super) fn published_at(n: usize) -> Published {
    Published {
        processed_key: "processed/clip".into(),
        poster_key: "posters/clip".into(),
        hls_key: Some("hls/clip/master.m3u8".into()),
        duration_ms: 30_000,
        width: 1_280,
        height: 720,
        bytes: 900,
        at: moment(n),
        by: event_id("published"),
    }
}

/// What [`fails_for_good`], as the `n`th event and called `failure`, makes of the clip.
pub(super) fn failed_at(n: usize) -> Failure {
    Failure { reason: FailureReason::Undecodable, at: moment(n), by: event_id("failure") }
}

/// The contest before the event in question.
pub(super) struct Given {
    contest: Contest,
    length: usize,
}

pub(super) fn given(history: impl IntoIterator<Item = Step>) -> Given {
    let mut given = Given { contest: Contest::default(), length: 0 };
    for step in history {
        fold(&mut given.contest, &mut Changes::default(), &step.record(given.length));
        given.length += 1;
    }
    given
}

impl Given {
    pub(super) fn when(self, step: Step) -> When {
        let record = step.record(self.length);
        let mut after = self.contest.clone();
        let mut changes = Changes::default();
        let outcome = fold(&mut after, &mut changes, &record);
        When { before: self.contest, after, changes, record, outcome }
    }
}

/// The effect of the event in question.
pub(super) struct When {
    before: Contest,
    after: Contest,
    changes: Changes,
    record: Recorded,
    outcome: FoldOutcome,
}

pub(super) fn accepted() -> FoldOutcome {
    FoldOutcome::Decided(Verdict::ACCEPTED)
}

pub(super) fn counted_as_vote(total: u64) -> FoldOutcome {
    FoldOutcome::Decided(Verdict::Accepted { total_votes: Some(total) })
}

pub(super) fn rejected(rejection: Rejection) -> FoldOutcome {
    FoldOutcome::Decided(Verdict::Rejected(rejection))
}

/// The event was delivered before; `first` was its outcome then.
pub(super) fn duplicate_of(first: FoldOutcome) -> FoldOutcome {
    FoldOutcome::Duplicate(first.verdict().unwrap())
}

pub(super) fn overtaken() -> FoldOutcome {
    FoldOutcome::Overtaken
}

impl When {
    /// Checks the outcome, and that the event changed nothing else: a rejection writes one row, a
    /// duplicate and an overtaken report write none.
    pub(super) fn then(self, expected: FoldOutcome) -> Then {
        assert_eq!(self.outcome, expected);
        let mut allowed = self.before.clone();
        match expected {
            FoldOutcome::Decided(Verdict::Accepted { .. }) => {
                assert_ne!(self.after, self.before, "accepted, yet nothing changed");
                assert!(self.changes.rejections.is_empty());
                return Then { contest: self.after, changes: self.changes };
            }
            FoldOutcome::Decided(Verdict::Rejected(rejection)) => {
                let id = self.record.event_id;
                allowed.rejections.insert(id, (rejection, self.record.at));
                let only = Changes { rejections: [id].into(), ..Changes::default() };
                assert_eq!(self.changes, only);
            }
            FoldOutcome::Duplicate(_) | FoldOutcome::Overtaken => {
                assert_eq!(self.changes, Changes::default());
            }
        }
        assert_eq!(self.after, allowed);
        Then { contest: self.after, changes: self.changes }
    }
}

/// The contest afterwards.
#[derive(Debug)]
pub(super) struct Then {
    pub(super) contest: Contest,
    pub(super) changes: Changes,
}

impl Then {
    pub(super) fn video(&self, name: &str) -> &Video {
        &self.contest.videos[&video(name)]
    }

    pub(super) fn account(&self, address: &str) -> &Account {
        &self.contest.accounts[&email(address)]
    }

    pub(super) fn and<T: PartialEq + Debug>(self, of: impl Fn(&Self) -> T, expected: T) -> Self {
        assert_eq!(of(&self), expected);
        self
    }

    pub(super) fn and_state(self, name: &str, expected: VideoState) -> Self {
        self.and(|then| then.video(name).state.clone(), expected)
    }

    pub(super) fn and_votes(self, name: &str, expected: u64) -> Self {
        let rows = |then: &Self| {
            then.contest.votes.keys().filter(|(voted, _)| *voted == video(name)).count() as u64
        };
        self.and(rows, expected).and(|then| then.video(name).votes, expected)
    }

    pub(super) fn and_touches_artists<const N: usize>(self, names: [&str; N]) -> Self {
        self.and(|then| then.changes.artists.clone(), names.into_iter().map(person).collect())
    }
}
