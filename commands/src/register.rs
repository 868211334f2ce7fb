//! Signing up.

use domain::event::Registered;
use domain::{AccountEvent, AccountId, EmailKey, Event, EventId, Rejection, Verdict};
use uuid::Uuid;

use crate::answer::Answer;
use crate::commands::Commands;
use crate::context::CommandContext;
use crate::error::CommandError;
use crate::personal_data::{self, NewPerson};

/// What a person signs up with. The caller has validated its shape.
pub struct Registration {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Email address, as typed.
    pub email: String,
    /// Password.
    pub password: String,
    /// City.
    pub city: String,
    /// Country.
    pub country: String,
}

impl Commands {
    /// Signs a person up. Of several people with one address, the first in the log gets it.
    ///
    /// # Errors
    /// [`Rejection::EmailTaken`]; [`CommandError::KeyReused`] if the key was used for another person;
    /// [`Rejection::AccountErased`] if the account was erased since the first try; or another
    /// [`CommandError`].
    pub async fn register(
        &self,
        context: &CommandContext,
        registration: Registration,
    ) -> Result<Answer<AccountId>, CommandError> {
        let email = self.inner.email_secret.key_of(&registration.email);
        let actor = Uuid::new_v5(&Uuid::NAMESPACE_OID, email.as_str().as_bytes());
        let event_id = context.event_id(actor, "register", "");
        let account = AccountId(Uuid::new_v5(&event_id.0, b"account"));
        // Without a key the event id is new, so this can be no retry.
        let may_be_retry = context.idempotency_key.is_some();
        self.reject_taken_email(&email, event_id).await?;
        if may_be_retry {
            self.reject_erased(account).await?;
        }
        self.insert_personal_data(account, event_id, &registration).await?;

        let registered = Registered {
            account_id: account,
            city: registration.city.clone(),
            country: registration.country.clone(),
        };
        let event = Event::Account(email, AccountEvent::Registered(registered));
        match self.submit(context.envelope(event_id, Some(account), event)).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Rejected(rejection)) => {
                self.delete_personal_data(account).await;
                Err(rejection.into())
            }
            Answer::Done(Verdict::Accepted { .. }) => {
                if may_be_retry {
                    self.check_same_registration(account, &registration).await?;
                }
                Ok(Answer::Done(account))
            }
        }
    }

    /// Rejects early what the fold would reject, to save the hash and the append.
    async fn reject_taken_email(
        &self,
        email: &EmailKey,
        event_id: EventId,
    ) -> Result<(), CommandError> {
        let holder = self.inner.dependencies.read_models.account_by_email(email).await?;
        match holder {
            Some(account) if account.registered_by != event_id => Err(Rejection::EmailTaken.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// The retry of a registration must not write personal data of an erased account again.
    async fn reject_erased(&self, account: AccountId) -> Result<(), CommandError> {
        let facts = self.inner.dependencies.read_models.account(account).await?;
        match facts.and_then(|facts| facts.erased_by) {
            Some(_) => Err(Rejection::AccountErased.into()),
            None => Ok(()),
        }
    }

    /// Writes the personal data. A row of an earlier try must be of the same person.
    async fn insert_personal_data(
        &self,
        account: AccountId,
        event_id: EventId,
        registration: &Registration,
    ) -> Result<(), CommandError> {
        let Registration { first_name, last_name, email, password, .. } = registration;
        let password_hash = &self.inner.passwords.hash(password).await?;
        let person = NewPerson { account, event_id, first_name, last_name, email, password_hash };
        let pool = &self.inner.dependencies.pool;
        if personal_data::insert(pool, &person).await? {
            return Ok(());
        }
        // No row: the account was rejected or erased, and the verdict will say so again.
        let Some(first) = personal_data::find(pool, account).await? else { return Ok(()) };
        let is_same = first.first_name == *first_name
            && first.last_name == *last_name
            && first.email == *email
            && self.inner.passwords.verify(password, Some(first.password_hash)).await?;
        if is_same { Ok(()) } else { Err(CommandError::KeyReused) }
    }

    /// Checks that the account of the first try under this key is the one that this try asks for.
    async fn check_same_registration(
        &self,
        account: AccountId,
        registration: &Registration,
    ) -> Result<(), CommandError> {
        let first = self.inner.dependencies.read_models.account(account).await?;
        let first = first.ok_or_else(CommandError::rebuilding)?;
        if first.erased_by.is_some() {
            self.delete_personal_data(account).await;
            return Err(Rejection::AccountErased.into());
        }
        let is_same = first.city == registration.city && first.country == registration.country;
        if is_same { Ok(()) } else { Err(CommandError::KeyReused) }
    }

    /// If this fails, the sweep finds the row by its rejected event or its erased account.
    pub(crate) async fn delete_personal_data(&self, account: AccountId) {
        if let Err(error) = personal_data::delete(&self.inner.dependencies.pool, account).await {
            tracing::warn!(%account, %error, "personal data is left to the sweep");
        }
    }
}
