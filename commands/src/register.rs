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
    /// [`Rejection::EmailTaken`], or what [`CommandError`] says.
    pub async fn register(
        &self,
        context: &Context,
        registration: Registration,
    ) -> Result<Answer<AccountId>, CommandError> {
        let email = self.inner.email_secret.key_of(&registration.email);
        let actor = Uuid::new_v5(&Uuid::NAMESPACE_OID, email.as_str().as_bytes());
        let event_id = context.event_id(actor, "register", "");
        self.refuse_known_email(&email, event_id).await?;

        let account = AccountId(Uuid::new_v5(&event_id.0, b"account"));
        let password_hash = self.inner.passwords.hash(&registration.password).await?;
        let person = Person {
            account,
            event: event_id,
            first_name: &registration.first_name,
            last_name: &registration.last_name,
            email: &registration.email,
            password_hash: &password_hash,
        };
        personal_data::insert(&self.inner.parts.pool, &person).await?;

        let registered = Registered {
            account_id: account,
            city: registration.city,
            country: registration.country,
        };
        let event = Event::Account(email, AccountEvent::Registered(registered));
        let envelope = context.envelope(event_id, Some(account), event);
        match self.decide(envelope).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Accepted { .. }) => Ok(Answer::Done(account)),
            Answer::Done(Verdict::Rejected(rejection)) => {
                // If this fails, the sweep finds the row by its rejected event.
                if let Err(error) = personal_data::forget(&self.inner.parts.pool, account).await {
                    tracing::warn!(%error, "personal data of a rejected registration remains");
                }
                Err(rejection.into())
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
}
