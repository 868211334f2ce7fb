//! The events of a large contest. Each follows from the seed.

use std::sync::Arc;

use domain::event::VoteCast;
use domain::{AccountId, Event, EventId, Timestamp, VideoEvent, VideoId};
use infra::event_log::envelope::Envelope;
use rand::SeedableRng;
use rand::rngs::StdRng;
use uuid::Uuid;

use crate::draw::{self, Ballot};
use crate::events::{Registration, processed, uploaded};

/// Countries with their cities. Accounts spread over them evenly.
const PLACES: [(&str, [&str; 3]); 8] = [
    ("Colombia", ["Bogotá", "Medellín", "Cartagena"]),
    ("México", ["Guadalajara", "Monterrey", "Mérida"]),
    ("Argentina", ["Buenos Aires", "Córdoba", "Rosario"]),
    ("Perú", ["Lima", "Arequipa", "Cusco"]),
    ("Chile", ["Santiago", "Valparaíso", "Concepción"]),
    ("Ecuador", ["Quito", "Guayaquil", "Cuenca"]),
    ("España", ["Madrid", "Sevilla", "Córdoba"]),
    ("Uruguay", ["Montevideo", "Salto", "Rivera"]),
];

/// An event, and the registration whose personal data must be written before it.
pub(crate) type Step = (Option<Registration>, Envelope);

/// A contest of a given size. Ids follow from the seed, so a larger contest of the same seed contains
/// the accounts and videos of a smaller one.
pub(crate) struct Plan {
    seed: u64,
    artists: usize,
    accounts: usize,
    ballots: Vec<Ballot>,
}

impl Plan {
    /// Draws the votes. A few artists get most of them; many have equal counts, or none.
    pub(crate) fn draw(seed: u64, artists: usize, fans: usize, votes: usize) -> Self {
        let accounts = artists + fans;
        let mut rng = StdRng::seed_from_u64(seed);
        let ballots = draw::ballots(&mut rng, artists, accounts, votes);
        Self { seed, artists, accounts, ballots }
    }

    /// One registration per account, artists first.
    pub(crate) fn registrations(self: Arc<Self>) -> impl Iterator<Item = Step> {
        (0..self.accounts).map(move |number| {
            let (country, cities) = PLACES[number % PLACES.len()];
            let registration = Registration {
                number,
                account: self.account(number),
                event: EventId(self.id("registered", number)),
                email: format!("planned.{}.{number}@example.com", self.seed),
                city: cities[number / PLACES.len() % cities.len()],
                country,
            };
            let envelope = envelope(registration.event, registration.registered());
            (Some(registration), envelope)
        })
    }

    /// Two events per artist: the upload of a video, and its processing.
    pub(crate) fn publications(self: Arc<Self>) -> impl Iterator<Item = Step> {
        (0..self.artists).flat_map(move |number| {
            let video = self.video(number);
            let events = [
                ("uploaded", uploaded(video, self.account(number))),
                ("processed", processed(video)),
            ];
            events.map(|(step, event)| (None, envelope(EventId(self.id(step, number)), event)))
        })
    }

    /// The votes, in random order.
    pub(crate) fn votes(self: Arc<Self>) -> impl Iterator<Item = Step> {
        (0..self.ballots.len()).map(move |n| {
            let Ballot { voter, video } = self.ballots[n];
            let (voter, video) = (self.account(voter), self.video(video));
            let id = EventId::derived(video.0, &format!("vote-{voter}"));
            let cast = VideoEvent::VoteCast(VoteCast { voter });
            (None, envelope(id, Event::Video(video, cast)))
        })
    }

    fn account(&self, number: usize) -> AccountId {
        AccountId(self.id("account", number))
    }

    fn video(&self, number: usize) -> VideoId {
        VideoId(self.id("video", number))
    }

    fn id(&self, what: &str, number: usize) -> Uuid {
        Uuid::new_v5(&Uuid::from_u128(self.seed.into()), format!("{what}-{number}").as_bytes())
    }
}

/// An envelope with a fixed time, so that the record follows from the seed.
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
        let events = Arc::clone(plan).registrations().chain(Arc::clone(plan).publications());
        events.chain(Arc::clone(plan).votes()).map(|(_, envelope)| envelope).collect()
    }

    fn plan(seed: u64) -> Arc<Plan> {
        Arc::new(Plan::draw(seed, 300, 100, 4_000))
    }

    #[test]
    fn events_follow_from_the_seed() {
        assert_eq!(events(&plan(1)), events(&plan(1)));
        let ids = |seed| -> HashSet<EventId> {
            events(&plan(seed)).iter().map(|envelope| envelope.event_id).collect()
        };
        assert!(ids(1).is_disjoint(&ids(2)));
        assert_eq!(ids(1).len(), 400 + 2 * 300 + 4_000, "event ids are distinct");
    }

    #[test]
    fn the_fold_accepts_every_event_of_the_plan() {
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
            *planned.entry(plan.account(ballot.video)).or_default() += 1;
        }
        let ranking = ranking::recount(&contest);
        let folded = ranking.iter().map(|standing| (standing.artist, standing.votes));
        assert_eq!(folded.collect::<BTreeMap<_, _>>(), planned);
        let counts: HashSet<u64> = planned.values().copied().collect();
        assert!(counts.len() < 200, "too few ties among 300 artists: {} counts", counts.len());
        assert!(ranking[0].votes > 10 * ranking[150].votes, "not skewed");
    }
}
