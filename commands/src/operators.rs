//! Who is an operator: said on the command line, by whoever may use the database and the log anyway.
//! There is no way to it over HTTP.

use std::sync::Arc;
use std::time::Duration;

use domain::event::{OperatorGranted, OperatorRevoked};
use domain::{AccountEvent, AccountId, Event, EventId, Rejection, Verdict};
use infra::event_log::envelope::Envelope;
use ports::read_models::ReadModels;
use ports::verdicts::{EventSubmitter, SubmitOutcome};
use sqlx::PgPool;
use uuid::Uuid;

use crate::CommandError;
use crate::secrets::EmailSecret;

/// What is to become of somebody's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// They are to be an operator.
    Grant,
    /// They are to be none.
    Revoke,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChanged {
    /// It is so now, of this account.
    Now(AccountId),
    /// It was so already.
    Before,
    /// It stands in the log, and will be so as soon as a projector has come to it.
    Soon,
}

/// Gives and takes the role of operator.
pub struct Operators {
    submitter: EventSubmitter,
    read_models: Arc<dyn ReadModels>,
    email_secret: EmailSecret,
    verdict_deadline: Duration,
}

impl Operators {
    /// Reads the secret of email pseudonyms.
    ///
    /// # Errors
    /// [`CommandError`] if the database cannot be used.
    pub async fn new(
        pool: &PgPool,
        submitter: EventSubmitter,
        read_models: Arc<dyn ReadModels>,
        verdict_deadline: Duration,
    ) -> Result<Self, CommandError> {
        let email_secret = EmailSecret::load(pool).await?;
        Ok(Self { submitter, read_models, email_secret, verdict_deadline })
    }

    /// Changes the role of whoever has signed up with this address.
    ///
    /// # Errors
    /// [`Rejection::AccountUnknown`] if nobody has, [`Rejection::AccountErased`] if they have just
    /// left, or what [`CommandError`] says.
    pub async fn change(
        &self,
        email: &str,
        change: RoleChange,
    ) -> Result<RoleChanged, CommandError> {
        let key = self.email_secret.key_of(email);
        let account = self.read_models.account_by_email(&key).await?;
        let account = account.ok_or(Rejection::AccountUnknown)?.id;
        let event = Event::Account(key, event(change, account));
        let envelope = Envelope::new(EventId(Uuid::now_v7()), event);
        match self.submitter.submit(envelope, self.verdict_deadline).await? {
            SubmitOutcome::Pending { .. } => Ok(RoleChanged::Soon),
            SubmitOutcome::Decided { verdict: Verdict::Accepted { .. }, .. } => {
                Ok(RoleChanged::Now(account))
            }
            SubmitOutcome::Decided { verdict: Verdict::Rejected(rejection), .. } => match rejection
            {
                Rejection::AlreadyOperator | Rejection::NotOperator => Ok(RoleChanged::Before),
                other => Err(other.into()),
            },
        }
    }
}

fn event(change: RoleChange, account_id: AccountId) -> AccountEvent {
    match change {
        RoleChange::Grant => AccountEvent::OperatorGranted(OperatorGranted { account_id }),
        RoleChange::Revoke => AccountEvent::OperatorRevoked(OperatorRevoked { account_id }),
    }
}
