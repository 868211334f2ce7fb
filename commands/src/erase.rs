//! Erasing an account.

use domain::event::{Erased, Withdrawn};
use domain::{
    AccountEvent, AccountId, Event, EventId, Rejection, Verdict, VideoEvent, VideoStatus,
};
use infra::event_log::envelope::Envelope;
use infra::object_storage::ObjectKey;
use ports::read_models::AbandonedVideo;

use crate::answer::Answer;
use crate::commands::Commands;
use crate::context::CommandContext;
use crate::error::CommandError;
use crate::personal_data;

impl Commands {
    /// Erases the account of `actor` if the password is right. Removed are their personal data, the
    /// originals of their videos, and videos that were never published. Published videos stay, under
    /// a neutral name, and so do votes.
    ///
    /// The event comes first. What a crash leaves behind after it, the sweep removes.
    ///
    /// # Errors
    /// [`CommandError::WrongPassword`], [`Rejection::AccountErased`], or another [`CommandError`].
    pub async fn erase(
        &self,
        context: &CommandContext,
        actor: AccountId,
        password: &str,
    ) -> Result<Answer<()>, CommandError> {
        let person = personal_data::find(&self.inner.dependencies.pool, actor).await?;
        let person = person.ok_or(Rejection::AccountErased)?;
        if !self.inner.passwords.verify(password, Some(person.password_hash)).await? {
            return Err(CommandError::WrongPassword);
        }
        let email = self.inner.email_secret.key_of(&person.email);
        let event_id = context.event_id(actor.0, "erase", "");
        let event = Event::Account(email, AccountEvent::Erased(Erased { account_id: actor }));
        match self.submit(context.envelope(event_id, Some(actor), event)).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Rejected(rejection)) => Err(rejection.into()),
            Answer::Done(Verdict::Accepted { .. }) => {
                self.remove_leftovers(actor, event_id).await;
                Ok(Answer::Done(()))
            }
        }
    }

    /// Removes what is left of an erased account; the sweep removes what cannot be removed now.
    async fn remove_leftovers(&self, account: AccountId, owner_erased_by: EventId) {
        self.delete_personal_data(account).await;
        self.delete_uploads_of(account).await;
        let videos = match self.inner.dependencies.read_models.videos_of(account).await {
            Ok(videos) => videos,
            Err(error) => {
                tracing::warn!(%account, %error, "videos are left to the sweep");
                return;
            }
        };
        for (video, facts) in videos {
            match facts.status {
                VideoStatus::Pending | VideoStatus::Processing | VideoStatus::Failed => {
                    let abandoned = AbandonedVideo { video, owner: account, owner_erased_by };
                    self.withdraw(&abandoned).await;
                }
                VideoStatus::Processed | VideoStatus::Deleted => {}
            }
            if let Some(original) = ObjectKey::parse(&facts.upload.original_key) {
                self.remove_file(video, &original).await;
            }
        }
    }

    /// Withdraws a video whose owner's account is erased, and removes its files. The fold rejects it
    /// if the video was published meanwhile.
    pub(crate) async fn withdraw(&self, abandoned: &AbandonedVideo) {
        let video = abandoned.video;
        match self.submit(withdrawal(abandoned)).await {
            Ok(Answer::Done(Verdict::Accepted { .. })) => self.remove_files(video).await,
            Ok(Answer::Done(Verdict::Rejected(rejection))) => {
                tracing::info!(%video, %rejection, "a withdrawal was rejected");
            }
            Ok(Answer::Pending(_)) => {
                tracing::warn!(%video, "files of a withdrawn video are left to the sweep");
            }
            Err(error) => {
                tracing::warn!(%video, %error, "a withdrawal is left to the sweep");
            }
        }
    }
}

/// The event that withdraws a video. Its id derives from the erasure, so however often it is appended,
/// it counts once.
pub(crate) fn withdrawal(abandoned: &AbandonedVideo) -> Envelope {
    let AbandonedVideo { video, owner, owner_erased_by } = *abandoned;
    let event_id = EventId::derived(owner_erased_by.0, &format!("withdraw {video}"));
    let event = Event::Video(video, VideoEvent::Withdrawn(Withdrawn { owner }));
    let mut envelope = Envelope::new(event_id, event);
    envelope.causation_id = Some(owner_erased_by);
    envelope.actor = Some(owner);
    envelope
}
