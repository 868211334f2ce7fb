//! Granting and revoking the role of operator. Only `anb operator` does it, on a machine that reaches
//! the database and the log; there is no HTTP route.

use std::sync::Arc;
use std::time::Duration;

use domain::event::{OperatorGranted, OperatorRevoked};
use domain::{AccountEvent, AccountId, Event, EventId, Rejection, Verdict};
use infra::event_log::envelope::Envelope;
use ports::read_models::ReadModels;
use ports::verdicts::{EventSubmitter, SubmitOutcome};
use uuid::Uuid;

use crate::email_secret::EmailSecret;
use crate::error::CommandError;

/// A change of somebody's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// The person becomes an operator.
    Grant,
    /// The person is no longer an operator.
    Revoke,
}

/// How a change of role ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChangeOutcome {
    /// The role of this account has changed.
    Changed(AccountId),
    /// The role was that already.
    Unchanged,
    /// The event is in the log, but no projector has folded it yet.
    Pending,
}

/// Grants and revokes the role of operator.
pub struct Operators {
    submitter: EventSubmitter,
    read_models: Arc<dyn ReadModels>,
    email_secret: EmailSecret,
    verdict_deadline: Duration,
}

impl Operators {
    /// Finds accounts by their addresses with `email_secret`.
    pub fn new(
        email_secret: EmailSecret,
        submitter: EventSubmitter,
        read_models: Arc<dyn ReadModels>,
        verdict_deadline: Duration,
    ) -> Self {
        Self { submitter, read_models, email_secret, verdict_deadline }
    }

    /// Changes the role of the account that holds the address.
    ///
    /// # Errors
    /// [`Rejection::AccountUnknown`] if no account holds it, [`Rejection::AccountErased`] if the
    /// account was erased meanwhile, or another [`CommandError`].
    pub async fn change(
        &self,
        email: &str,
        change: RoleChange,
    ) -> Result<RoleChangeOutcome, CommandError> {
        let key = self.email_secret.key_of(email);
        let account = self.read_models.account_by_email(&key).await?;
        let account = account.ok_or(Rejection::AccountUnknown)?.id;
        let envelope =
            Envelope::new(EventId(Uuid::now_v7()), Event::Account(key, event(change, account)));
        match self.submitter.submit(envelope, self.verdict_deadline).await? {
            SubmitOutcome::Pending { .. } => Ok(RoleChangeOutcome::Pending),
            SubmitOutcome::Decided { verdict: Verdict::Accepted { .. }, .. } => {
                Ok(RoleChangeOutcome::Changed(account))
            }
            SubmitOutcome::Decided { verdict: Verdict::Rejected(rejection), .. } => {
                let unchanged = match change {
                    RoleChange::Grant => Rejection::AlreadyOperator,
                    RoleChange::Revoke => Rejection::NotOperator,
                };
                if rejection == unchanged {
                    Ok(RoleChangeOutcome::Unchanged)
                } else {
                    Err(rejection.into())
                }
            }
        }
    }
}

fn event(change: RoleChange, account_id: AccountId) -> AccountEvent {
    match change {
        RoleChange::Grant => AccountEvent::OperatorGranted(OperatorGranted { account_id }),
        RoleChange::Revoke => AccountEvent::OperatorRevoked(OperatorRevoked { account_id }),
    }
}
