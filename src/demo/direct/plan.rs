//! Everything that happens in the contest, as it follows from the seed.

use std::sync::Arc;

use domain::event::{Processed, Registered, Uploaded, VoteCast};
use domain::{
    AccountEvent, AccountId, EmailKey, Event, EventId, Timestamp, VideoEvent, VideoId, object_keys,
};
use infra::event_log::envelope::Envelope;
use rand::SeedableRng;
use rand::rngs::StdRng;
use uuid::Uuid;

use super::super::people::{invent, title};
use super::super::votes::{self, Ballot};
use super::{Invented, Step};

/// A contest of a certain size. Each id follows from the seed and from what it stands for, so that a
/// larger contest of the same seed contains the smaller one's people and videos.
pub(super) struct Plan {
    seed: u64,
    artists: u32,
    people: u32,
    ballots: Vec<Ballot>,
}

impl Plan {
    /// Few artists get most of the votes, and many have the same count, or none.
    pub(super) fn draw(seed: u64, artists: u32, fans: u32, votes: usize) -> Self {
        let people = artists.saturating_add(fans);
        let mut rng = StdRng::seed_from_u64(seed);
        let ballots = votes::draw(&mut rng, artists as usize, people as usize, votes);
        Self { seed, artists, people, ballots }
    }

    pub(super) fn people(&self) -> usize {
        self.people as usize
    }

    pub(super) fn videos(&self) -> usize {
        self.artists as usize
    }

    pub(super) fn votes(&self) -> usize {
        self.ballots.len()
    }

    /// Everybody signs up, artists first.
    pub(super) fn registrations(self: Arc<Self>) -> impl Iterator<Item = Step> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        (0..self.people).map(move |number| self.registration(&mut rng, number))
    }

    fn registration(&self, rng: &mut StdRng, number: u32) -> Step {
        let person = invent(rng, self.seed, number);
        let (account, event) = (self.account(number), self.event("registered", number));
        let registered = Registered {
            account_id: account,
            city: person.city.to_owned(),
            country: person.country.to_owned(),
        };
        // Not the key of a contest: nobody signs in, and the log must follow from the seed alone.
        let email = EmailKey::derive(&[0; 32], &person.email);
        let invented = Invented {
            account,
            event,
            first_name: person.first_name,
            last_name: person.last_name,
            email: person.email,
        };
        let registered = Event::Account(email, AccountEvent::Registered(registered));
        (Some(invented), envelope(event, registered))
    }

    /// Every artist uploads a video, and it is processed.
    pub(super) fn publications(self: Arc<Self>) -> impl Iterator<Item = Step> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        (0..self.artists).flat_map(move |number| {
            let uploaded = VideoEvent::Uploaded(self.uploaded(number, title(&mut rng)));
            let processed = VideoEvent::Processed(self.processed(number));
            [("uploaded", uploaded), ("processed", processed)].map(|(step, event)| {
                let event = Event::Video(self.video(number), event);
                (None, envelope(self.event(step, number), event))
            })
        })
    }

    fn uploaded(&self, number: u32, title: String) -> Uploaded {
        let video_id = self.video(number);
        Uploaded {
            video_id,
            owner: self.account(number),
            title,
            description: None,
            original_key: format!("originals/{video_id}.mp4"),
            bytes: 1_000_000,
            content_type: "video/mp4".to_owned(),
            sha256: "00".repeat(32),
        }
    }

    fn processed(&self, number: u32) -> Processed {
        let video = self.video(number);
        Processed {
            processed_key: object_keys::processed(video),
            poster_key: object_keys::poster(video),
            hls_key: None,
            duration_ms: 30_000,
            width: 1_280,
            height: 720,
            bytes: 900_000,
        }
    }

    /// The votes, in random order.
    pub(super) fn ballots(self: Arc<Self>) -> impl Iterator<Item = Step> {
        (0..self.ballots.len()).map(move |n| {
            let Ballot { voter, video } = self.ballots[n];
            let (voter, video) = (self.account(voter as u32), self.video(video as u32));
            let id = EventId::derived(video.0, &format!("vote-{voter}"));
            let cast = VideoEvent::VoteCast(VoteCast { voter });
            (None, envelope(id, Event::Video(video, cast)))
        })
    }

    fn account(&self, number: u32) -> AccountId {
        AccountId(self.id("account", number))
    }

    fn video(&self, number: u32) -> VideoId {
        VideoId(self.id("video", number))
    }

    fn event(&self, step: &str, number: u32) -> EventId {
        EventId(self.id(step, number))
    }

    fn id(&self, what: &str, number: u32) -> Uuid {
        Uuid::new_v5(&Uuid::from_u128(self.seed.into()), format!("{what}-{number}").as_bytes())
    }
}

/// Its author wrote it at no particular time: that, too, is the same whenever the plan is carried out.
fn envelope(id: EventId, event: Event) -> Envelope {
    Envelope { time: Timestamp::UNIX_EPOCH, ..Envelope::new(id, event) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashSet};

    use domain::fold::fold;
    use domain::{Changes, Contest, Position, Recorded, ranking};

    fn events(plan: &Arc<Plan>) -> Vec<Envelope> {
        let stages = Arc::clone(plan).registrations().chain(Arc::clone(plan).publications());
        stages.chain(Arc::clone(plan).ballots()).map(|(_, envelope)| envelope).collect()
    }

    fn plan(seed: u64) -> Arc<Plan> {
        Arc::new(Plan::draw(seed, 300, 100, 4_000))
    }

    #[test]
    fn the_same_seed_gives_the_same_events_and_another_one_others() {
        assert_eq!(events(&plan(1)), events(&plan(1)));
        let ids = |seed| -> HashSet<EventId> {
            events(&plan(seed)).iter().map(|envelope| envelope.event_id).collect()
        };
        assert!(ids(1).is_disjoint(&ids(2)));
        assert_eq!(ids(1).len(), 400 + 2 * 300 + 4_000, "each event has an id of its own");
    }

    #[test]
    fn the_fold_gives_what_the_plan_says() {
        let plan = plan(7);
        let mut contest = Contest::default();
        for (offset, Envelope { event_id, event, .. }) in (0..).zip(events(&plan)) {
            let position = Position { partition: 0, offset };
            let recorded = Recorded { event_id, position, at: Timestamp::UNIX_EPOCH, event };
            fold(&mut contest, &mut Changes::default(), &recorded);
        }
        assert!(contest.rejections.is_empty(), "{:?}", contest.rejections);
        assert_eq!((contest.accounts.len(), contest.videos.len()), (400, 300));
        assert_eq!(contest.votes.len(), 4_000);
        let mut planned: BTreeMap<AccountId, u64> =
            (0..300).map(|artist| (plan.account(artist), 0)).collect();
        for ballot in &plan.ballots {
            *planned.entry(plan.account(ballot.video as u32)).or_default() += 1;
        }
        let ranking = ranking::recount(&contest);
        let folded = ranking.iter().map(|standing| (standing.artist, standing.votes));
        assert_eq!(folded.collect::<BTreeMap<_, _>>(), planned);
        let counts: HashSet<u64> = planned.values().copied().collect();
        assert!(counts.len() < 200, "hardly a tie among 300 artists: {} counts", counts.len());
        assert!(ranking[0].votes > 10 * ranking[150].votes, "not skewed");
    }
}
