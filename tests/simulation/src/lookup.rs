//! The simulated read models, as queries see them through the ports.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Account, AccountId, Contest, EmailKey, EventId, Position, Verdict, Video, VideoId, VideoState,
};
use ports::LookupError;
use ports::read_models::{AbandonedVideo, AccountFacts, ReadModels, UploadFacts, VideoFacts};
use ports::verdicts::{AwaitedEvent, EffectRow, FoldedEvent, VerdictLookup};

use crate::cluster::SimCluster;
use crate::log::ends;
use crate::planted_bug::PlantedBug;

/// A pool of connections that only read.
pub(crate) struct SimLookup {
    cluster: Arc<SimCluster>,
}

impl SimLookup {
    pub(crate) fn new(cluster: &Arc<SimCluster>) -> Arc<Self> {
        Arc::new(Self { cluster: Arc::clone(cluster) })
    }

    async fn round_trip(&self) -> Result<(), LookupError> {
        self.cluster.delay().await;
        if self.cluster.fault(0.3) {
            return Err(LookupError::new("connection lost".to_owned()));
        }
        Ok(())
    }
}

/// Whether the row of the event carries its id.
pub(crate) fn took_effect(rows: &Contest, awaited: &AwaitedEvent) -> bool {
    let event = awaited.event_id;
    match awaited.effect {
        EffectRow::Account(id) => {
            let registered = rows.all_accounts().filter(|account| account.id == id);
            let erased = rows.erased.values().filter(|erased| erased.account.id == id);
            registered.map(|account| account.registered_by).any(|by| by == event)
                || erased.map(|erased| erased.by).any(|by| by == event)
        }
        EffectRow::Video(id) => rows.videos.get(&id).is_some_and(|video| {
            video.uploaded_by == event
                || video.state.ended_by() == Some(event)
                || matches!(&video.state, VideoState::Deleted { end: Some(end), .. }
                    if end.by() == event)
        }),
        EffectRow::Vote(video, voter) => {
            rows.votes.get(&(video, voter)).is_some_and(|vote| vote.event_id == event)
        }
    }
}

fn total_votes(rows: &Contest, effect: EffectRow) -> Option<u64> {
    let EffectRow::Vote(video, _) = effect else { return None };
    rows.videos.get(&video).map(|video| video.votes)
}

#[async_trait]
impl VerdictLookup for SimLookup {
    async fn verdicts(
        &self,
        events: &[(Position, AwaitedEvent)],
    ) -> Result<HashMap<EventId, FoldedEvent>, LookupError> {
        self.round_trip().await?;
        let stale = self.cluster.has(PlantedBug::StaleLookup);
        let ends = ends(&self.cluster);
        let verdicts = {
            let database = self.cluster.database();
            let folded = |at: &Position| {
                let next = database.checkpoints.get(&at.partition).copied().unwrap_or(0);
                let next = match self.cluster.planted {
                    Some(PlantedBug::EndTakenForCheckpoint) => ends[at.partition as usize],
                    Some(PlantedBug::VerdictApartFromCheckpoint) => u64::MAX,
                    _ => next,
                };
                at.offset < next
            };
            let rejection = |event: &EventId| match stale {
                true => database.stale_rejections.get(event).copied(),
                false => database.rows.rejections.get(event).copied(),
            };
            let absent_is_accepted = matches!(
                self.cluster.planted,
                Some(
                    PlantedBug::AcceptedFromAbsence
                        | PlantedBug::EndTakenForCheckpoint
                        | PlantedBug::VerdictApartFromCheckpoint
                )
            );
            let verdict = |awaited: &AwaitedEvent| {
                let folded = match rejection(&awaited.event_id) {
                    Some((why, _)) => FoldedEvent::Decided(Verdict::Rejected(why)),
                    None if took_effect(&database.rows, awaited) || absent_is_accepted => {
                        let total_votes = total_votes(&database.rows, awaited.effect);
                        FoldedEvent::Decided(Verdict::Accepted { total_votes })
                    }
                    None => FoldedEvent::Missing,
                };
                (awaited.event_id, folded)
            };
            events.iter().filter(|(at, _)| folded(at)).map(|(_, of)| verdict(of)).collect()
        };
        self.cluster.delay().await;
        Ok(verdicts)
    }

    async fn checkpoints(&self) -> Result<Vec<Position>, LookupError> {
        self.round_trip().await?;
        let mut checkpoints = self.cluster.database().checkpoints.clone();
        if self.cluster.has(PlantedBug::EndTakenForCheckpoint) {
            checkpoints = (0..).zip(ends(&self.cluster)).collect::<BTreeMap<u32, u64>>();
        }
        self.cluster.delay().await;
        let position = |(partition, offset)| Position { partition, offset };
        Ok(checkpoints.into_iter().map(position).collect())
    }
}

#[async_trait]
impl ReadModels for SimLookup {
    async fn account_by_email(
        &self,
        email: &EmailKey,
    ) -> Result<Option<AccountFacts>, LookupError> {
        self.round_trip().await?;
        let facts = self
            .cluster
            .database()
            .rows
            .accounts
            .get(email)
            .map(|account| account_facts(account, None));
        self.cluster.delay().await;
        Ok(facts)
    }

    async fn account(&self, account: AccountId) -> Result<Option<AccountFacts>, LookupError> {
        self.round_trip().await?;
        let facts = {
            let database = self.cluster.database();
            let holds = database.rows.accounts.values().map(|account| account_facts(account, None));
            let erased = database.rows.erased.values();
            let erased = erased.map(|erased| account_facts(&erased.account, Some(erased.by)));
            holds.chain(erased).find(|facts| facts.id == account)
        };
        self.cluster.delay().await;
        Ok(facts)
    }

    async fn video(&self, video: VideoId) -> Result<Option<VideoFacts>, LookupError> {
        self.round_trip().await?;
        let facts = self.cluster.database().rows.videos.get(&video).map(facts);
        self.cluster.delay().await;
        Ok(facts)
    }

    async fn videos_of(&self, _: AccountId) -> Result<Vec<(VideoId, VideoFacts)>, LookupError> {
        // Only the part of an erasure that is not simulated calls this.
        Err(LookupError::new("not simulated".to_owned()))
    }

    async fn abandoned_videos(&self, _: u32) -> Result<Vec<AbandonedVideo>, LookupError> {
        // The simulation runs no sweeper.
        Err(LookupError::new("not simulated".to_owned()))
    }

    async fn orphaned_keys(
        &self,
        _keys: &[String],
        _ends: &[u64],
    ) -> Result<Vec<String>, LookupError> {
        // The simulation runs no sweeper.
        Err(LookupError::new("not simulated".to_owned()))
    }

    async fn unregistered(
        &self,
        _registrations: &[(AccountId, EventId)],
        _ends: &[u64],
    ) -> Result<Vec<AccountId>, LookupError> {
        // The simulation runs no sweeper.
        Err(LookupError::new("not simulated".to_owned()))
    }
}

fn account_facts(account: &Account, erased_by: Option<EventId>) -> AccountFacts {
    AccountFacts {
        id: account.id,
        city: account.city.clone(),
        country: account.country.clone(),
        registered_by: account.registered_by,
        erased_by,
    }
}

fn facts(video: &Video) -> VideoFacts {
    VideoFacts {
        owner: video.owner,
        upload: UploadFacts {
            title: video.title.clone(),
            description: video.description.clone(),
            original_key: video.original_key.clone(),
            content_type: video.content_type.clone(),
            sha256: video.sha256.clone(),
            uploaded_by: video.uploaded_by,
            uploaded_at: video.uploaded_at,
        },
        status: video.state.status(),
        votes: video.votes,
        ended_by: video.state.ended_by(),
        processed_key: None,
        poster_key: None,
    }
}

/// All videos in the rows with their owners, in a fixed order.
pub(crate) fn known_videos(cluster: &SimCluster) -> Vec<(VideoId, AccountId)> {
    let database = cluster.database();
    let mut videos: Vec<_> =
        database.rows.videos.iter().map(|(id, video)| (*id, video.owner)).collect();
    videos.sort();
    videos
}
