//! Random histories and random ways to deliver them.

use std::collections::HashMap;

use domain::event::{
    Deleted, Erased, FailureReason, OperatorGranted, OperatorRevoked, Processed, ProcessingFailed,
    ProcessingStarted, Registered, Uploaded, VoteCast, Withdrawn,
};
use domain::{AccountEvent, AccountId, Event, EventId, Position, Recorded, VideoEvent, VideoId};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::rules::dsl::{email, event_id, moment, person, video};

const PARTITIONS: u32 = 4;
const PEOPLE: [&str; 4] = ["ana", "beto", "cleo", "dora"];
const VIDEOS: [&str; 4] = ["one", "two", "three", "four"];

/// The records of every partition, in order.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) partitions: Vec<Vec<Recorded>>,
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Command {
    Append(Event),
    /// Delivers one of the earlier events again.
    Again(Index),
}

pub(super) fn any_history() -> impl Strategy<Value = History> {
    let step = (any_command(), 0..3_usize);
    prop::collection::vec(step, 0..120).prop_map(|steps| history(&steps))
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        8 => any_event().prop_map(Command::Append),
        2 => any::<Index>().prop_map(Command::Again),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let of_video = |event: BoxedStrategy<VideoEvent>| {
        (any_video(), event).prop_map(|(video, event)| Event::Video(video, event))
    };
    prop_oneof![
        3 => any_registration(),
        2 => any_erasure(),
        3 => any_change_of_role(),
        4 => (any_video(), any_person()).prop_map(|(id, owner)| upload(id, owner)),
        3 => of_video((1..4_u32).prop_map(started).boxed()),
        4 => of_video((0..9_u64).prop_map(processed).boxed()),
        3 => of_video((1..4_u32, any::<bool>()).prop_map(failed).boxed()),
        2 => of_video(any_person().prop_map(|by| VideoEvent::Deleted(Deleted { by })).boxed()),
        1 => of_video(any_person().prop_map(withdrawn).boxed()),
        9 => of_video(any_person().prop_map(|voter| VideoEvent::VoteCast(VoteCast { voter })).boxed()),
    ]
}

fn any_person() -> impl Strategy<Value = AccountId> {
    prop::sample::select(&PEOPLE[..]).prop_map(person)
}

fn any_video() -> impl Strategy<Value = VideoId> {
    prop::sample::select(&VIDEOS[..]).prop_map(video)
}

/// Several people may register one address. An account id belongs to one registration, and so never
/// to two addresses.
fn any_registration() -> impl Strategy<Value = Event> {
    let city = prop::sample::select(&["Cali", "Bogotá"][..]);
    (any_account(), city).prop_map(|((address, account_id), city)| {
        let registered = Registered { account_id, city: city.into(), country: "Colombia".into() };
        Event::Account(email(address), AccountEvent::Registered(registered))
    })
}

fn any_erasure() -> impl Strategy<Value = Event> {
    any_account().prop_map(|(address, account_id)| {
        Event::Account(email(address), AccountEvent::Erased(Erased { account_id }))
    })
}

fn any_change_of_role() -> impl Strategy<Value = Event> {
    (any_account(), any::<bool>()).prop_map(|((address, account_id), granted)| {
        let event = if granted {
            AccountEvent::OperatorGranted(OperatorGranted { account_id })
        } else {
            AccountEvent::OperatorRevoked(OperatorRevoked { account_id })
        };
        Event::Account(email(address), event)
    })
}

/// An address and one of the accounts that may register it.
fn any_account() -> impl Strategy<Value = (&'static str, AccountId)> {
    (prop::sample::select(&PEOPLE[..]), any::<bool>()).prop_map(|(name, first_try)| {
        (name, if first_try { person(name) } else { person(&format!("{name} again")) })
    })
}

fn upload(video_id: VideoId, owner: AccountId) -> Event {
    let uploaded = Uploaded {
        video_id,
        owner,
        title: format!("by {owner}"),
        description: None,
        original_key: format!("originals/{video_id}"),
        bytes: 1,
        content_type: "video/mp4".into(),
        sha256: "00".repeat(32),
    };
    Event::Video(video_id, VideoEvent::Uploaded(uploaded))
}

fn started(attempt: u32) -> VideoEvent {
    VideoEvent::ProcessingStarted(ProcessingStarted { attempt })
}

fn failed((attempt, is_final): (u32, bool)) -> VideoEvent {
    let reason = FailureReason::TimedOut;
    VideoEvent::ProcessingFailed(ProcessingFailed { attempt, reason, is_final })
}

fn withdrawn(owner: AccountId) -> VideoEvent {
    VideoEvent::Withdrawn(Withdrawn { owner })
}

fn processed(bytes: u64) -> VideoEvent {
    VideoEvent::Processed(Processed {
        processed_key: "processed".into(),
        poster_key: "poster".into(),
        hls_key: Some("hls".into()),
        duration_ms: 1,
        width: 2,
        height: 2,
        bytes,
    })
}

/// The partition of a stream; any function of its id will do.
fn partition_of(event: &Event) -> usize {
    let key = event.stream().to_string();
    key.bytes().fold(0_usize, |sum, byte| sum + usize::from(byte)) % PARTITIONS as usize
}

fn history(steps: &[(Command, usize)]) -> History {
    let mut partitions = vec![Vec::new(); PARTITIONS as usize];
    let mut all: Vec<Recorded> = Vec::new();
    let mut now = 0;
    for (n, (command, pause)) in steps.iter().enumerate() {
        now += pause; // 0: several records share one moment.
        let (event_id, event) = match command {
            Command::Append(event) => (event_id(&format!("event {n}")), event.clone()),
            Command::Again(_) if all.is_empty() => continue,
            Command::Again(which) => {
                let record = which.get(&all);
                (record.event_id, record.event.clone())
            }
        };
        let partition = partition_of(&event);
        let records: &mut Vec<Recorded> = &mut partitions[partition];
        let position = Position { partition: partition as u32, offset: records.len() as u64 };
        let record = Recorded { event_id, position, at: moment(now), event };
        records.push(record.clone());
        all.push(record);
    }
    History { partitions }
}

impl History {
    /// The video and the voter of a vote; `None` for other events.
    pub(super) fn vote(&self, event_id: EventId) -> Option<(VideoId, AccountId)> {
        let record = self.partitions.iter().flatten().find(|record| record.event_id == event_id)?;
        record.event.vote()
    }

    /// This history, with some records delivered again later.
    pub(super) fn with_records_again(&self) -> impl Strategy<Value = History> + use<> {
        let history = self.clone();
        let copies = prop::collection::vec((any::<Index>(), any::<Index>()), 0..40);
        copies.prop_map(move |copies| {
            let mut history = history.clone();
            for (which, place) in copies {
                history.deliver_again(which, place);
            }
            history
        })
    }

    fn deliver_again(&mut self, which: Index, place: Index) {
        let length: usize = self.partitions.iter().map(Vec::len).sum();
        if length == 0 {
            return;
        }
        let mut nth = which.index(length);
        for records in &mut self.partitions {
            if nth >= records.len() {
                nth -= records.len();
                continue;
            }
            let place = nth + 1 + place.index(records.len() - nth);
            let copy = Recorded { at: records[place - 1].at, ..records[nth].clone() };
            records.insert(place, copy);
            for (offset, record) in records.iter_mut().enumerate() {
                record.position.offset = offset as u64;
            }
            return;
        }
    }
}

/// In which order the partitions take turns, and how many records each batch has.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    turns: Vec<Index>,
    cuts: Vec<usize>,
}

pub(super) fn any_delivery() -> impl Strategy<Value = Delivery> {
    let turns = prop::collection::vec(any::<Index>(), 1..200);
    let cuts = prop::collection::vec(1..30_usize, 1..20);
    (turns, cuts).prop_map(|(turns, cuts)| Delivery { turns, cuts })
}

impl Delivery {
    pub(super) fn batches(&self, history: &History) -> Vec<Vec<Recorded>> {
        let records = self.interleave(history);
        let mut rest = records.as_slice();
        let mut batches = Vec::new();
        for cut in self.cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, after) = rest.split_at((*cut).min(rest.len()));
            batches.push(batch.to_vec());
            rest = after;
        }
        batches
    }

    fn interleave(&self, history: &History) -> Vec<Recorded> {
        let mut waiting: HashMap<usize, _> =
            history.partitions.iter().map(|records| records.iter()).enumerate().collect();
        let mut records = Vec::new();
        for turn in self.turns.iter().cycle() {
            let mut open: Vec<usize> = waiting.keys().copied().collect();
            open.sort_unstable();
            if open.is_empty() {
                break;
            }
            let partition = open[turn.index(open.len())];
            match waiting.get_mut(&partition).and_then(Iterator::next) {
                Some(record) => records.push(record.clone()),
                None => drop(waiting.remove(&partition)),
            }
        }
        records
    }
}
