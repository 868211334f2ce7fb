//! Erasing an account: the person leaves for good.

use domain::event::{Erased, Withdrawn};
use domain::{AccountEvent, AccountId, Event, EventId, Rejection, Verdict, VideoEvent};
use infra::event_log::envelope::Envelope;
use infra::object_storage::ObjectKey;
use ports::read_models::{AbandonedVideo, Stage};

use crate::{Answer, CommandError, Commands, Context, personal_data};

impl Commands {
    /// Erases the account of `actor`, if the password is right: their personal data and the originals
    /// of their videos go, and so do videos that never came on stage. What others have watched stays,
    /// under a neutral name, and so do votes.
    ///
    /// The event comes first. Whatever a crash leaves behind after it, the sweep removes.
    ///
    /// # Errors
    /// [`CommandError::WrongPassword`], [`Rejection::AccountErased`], or what [`CommandError`] says.
    pub async fn erase(
        &self,
        context: &Context,
        actor: AccountId,
        password: &str,
    ) -> Result<Answer<()>, CommandError> {
        let person = personal_data::find(&self.inner.parts.pool, actor).await?;
        let person = person.ok_or(Rejection::AccountErased)?;
        if !self.inner.passwords.verify(password, Some(person.password_hash)).await? {
            return Err(CommandError::WrongPassword);
        }
        let email = self.inner.email_secret.key_of(&person.email);
        let event_id = context.event_id(actor.0, "erase", "");
        let event = Event::Account(email, AccountEvent::Erased(Erased { account_id: actor }));
        match self.decide(context.envelope(event_id, Some(actor), event)).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Rejected(rejection)) => Err(rejection.into()),
            Answer::Done(Verdict::Accepted { .. }) => {
                self.remove_remains(actor, event_id).await;
                Ok(Answer::Done(()))
            }
        }
    }

    /// The account is erased, whether its remains go now or with the next sweep.
    async fn remove_remains(&self, account: AccountId, owner_erased_by: EventId) {
        self.forget(account).await;
        self.forget_uploads_of(account).await;
        let videos = match self.inner.parts.read_models.videos_of(account).await {
            Ok(videos) => videos,
            Err(error) => {
                tracing::warn!(%account, %error, "videos remain for the sweep");
                return;
            }
        };
        for (video, facts) in videos {
            if matches!(facts.stage, Stage::Pending | Stage::Processing | Stage::Failed) {
                self.withdraw(&AbandonedVideo { video, owner: account, owner_erased_by }).await;
            }
            if let Some(original) = ObjectKey::parse(&facts.original_key) {
                self.remove_file(video, &original).await;
            }
        }
    }

    /// Takes a video back for an owner who has left; unless it has come on stage meanwhile, its files
    /// go too.
    pub(crate) async fn withdraw(&self, abandoned: &AbandonedVideo) {
        let video = abandoned.video;
        match self.decide(withdrawal(abandoned)).await {
            Ok(Answer::Done(Verdict::Accepted { .. })) => self.remove_files(video).await,
            Ok(Answer::Done(Verdict::Rejected(rejection))) => {
                tracing::info!(%video, %rejection, "not withdrawn");
            }
            Ok(Answer::Pending(_)) => tracing::warn!(%video, "files remain for the sweep"),
            Err(error) => tracing::warn!(%video, %error, "to be withdrawn by the sweep"),
        }
    }
}

/// The event that withdraws a video: the same one whoever appends it, however often.
pub(crate) fn withdrawal(abandoned: &AbandonedVideo) -> Envelope {
    let AbandonedVideo { video, owner, owner_erased_by } = *abandoned;
    let event_id = EventId::derived(owner_erased_by.0, &format!("withdraw {video}"));
    let event = Event::Video(video, VideoEvent::Withdrawn(Withdrawn { owner }));
    let mut envelope = Envelope::new(event_id, event);
    envelope.causation_id = Some(owner_erased_by);
    envelope.actor = Some(owner);
    envelope
}
