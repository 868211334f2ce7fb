//! Registration.

use domain::event::Registered;
use domain::{AccountEvent, AccountId, EmailKey, Event, EventId, Rejection, Verdict};
use uuid::Uuid;

use crate::personal_data::{self, Person};
use crate::{Answer, CommandError, Commands, Context};

/// What a person signs up with. The shape has been checked already.
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
    /// [`Rejection::EmailTaken`], [`CommandError::KeyReused`] if somebody else signed up under the
    /// key, [`Rejection::AccountErased`] if it was this person, but they have left since; or what
    /// [`CommandError`] says.
    pub async fn register(
        &self,
        context: &Context,
        registration: Registration,
    ) -> Result<Answer<AccountId>, CommandError> {
        let email = self.inner.email_secret.key_of(&registration.email);
        let actor = Uuid::new_v5(&Uuid::NAMESPACE_OID, email.as_str().as_bytes());
        let event_id = context.event_id(actor, "register", "");
        let account = AccountId(Uuid::new_v5(&event_id.0, b"account"));
        // Without a key, nobody can have carried this event before.
        let may_repeat = context.idempotency_key.is_some();
        self.refuse_known_email(&email, event_id).await?;
        if may_repeat {
            self.refuse_erased(account).await?;
        }
        self.write_down(account, event_id, &registration).await?;

        let registered = Registered {
            account_id: account,
            city: registration.city.clone(),
            country: registration.country.clone(),
        };
        let event = Event::Account(email, AccountEvent::Registered(registered));
        let envelope = context.envelope(event_id, Some(account), event);
        match self.decide(envelope).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Rejected(rejection)) => {
                self.forget(account).await;
                Err(rejection.into())
            }
            Answer::Done(Verdict::Accepted { .. }) => {
                if may_repeat {
                    self.check_first(account, &registration).await?;
                }
                Ok(Answer::Done(account))
            }
        }
    }

    /// A courtesy that spares the hash and the append; the fold decides.
    async fn refuse_known_email(
        &self,
        email: &EmailKey,
        event_id: EventId,
    ) -> Result<(), CommandError> {
        let known = self.inner.parts.read_models.account_by_email(email).await?;
        match known {
            Some(account) if account.registered_by != event_id => Err(Rejection::EmailTaken.into()),
            _ => Ok(()),
        }
    }

    /// The retry of a registration must not write down again who has left since.
    async fn refuse_erased(&self, account: AccountId) -> Result<(), CommandError> {
        let facts = self.inner.parts.read_models.account(account).await?;
        match facts.and_then(|facts| facts.erased_by) {
            Some(_) => Err(Rejection::AccountErased.into()),
            None => Ok(()),
        }
    }

    /// Writes the person down; if an earlier try has done so, it must have been the same person.
    async fn write_down(
        &self,
        account: AccountId,
        event: EventId,
        registration: &Registration,
    ) -> Result<(), CommandError> {
        let Registration { first_name, last_name, email, password, .. } = registration;
        let password_hash = &self.inner.passwords.hash(password).await?;
        let person = Person { account, event, first_name, last_name, email, password_hash };
        let pool = &self.inner.parts.pool;
        if personal_data::insert(pool, &person).await? {
            return Ok(());
        }
        // Gone already: rejected, or erased. The verdict will say the same once more.
        let Some(first) = personal_data::find(pool, account).await? else { return Ok(()) };
        let same = first.first_name == *first_name
            && first.last_name == *last_name
            && first.email == *email
            && self.inner.passwords.verify(password, Some(first.password_hash)).await?;
        if same { Ok(()) } else { Err(CommandError::KeyReused) }
    }

    /// What the first try under this key has made must be what this one asks for.
    async fn check_first(
        &self,
        account: AccountId,
        registration: &Registration,
    ) -> Result<(), CommandError> {
        let first = self
            .inner
            .parts
            .read_models
            .account(account)
            .await?
            .ok_or_else(CommandError::rebuilding)?;
        if first.erased_by.is_some() {
            self.forget(account).await;
            return Err(Rejection::AccountErased.into());
        }
        let same = first.city == registration.city && first.country == registration.country;
        if same { Ok(()) } else { Err(CommandError::KeyReused) }
    }

    /// If this fails, the sweep finds the row by its rejected event or its erased account.
    pub(crate) async fn forget(&self, account: AccountId) {
        if let Err(error) = personal_data::forget(&self.inner.parts.pool, account).await {
            tracing::warn!(%account, %error, "personal data remains for the sweep");
        }
    }
}
