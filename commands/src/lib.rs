//! Commands: what people may ask the contest to do.
//!
//! Each one goes the same four steps: validate what needs no history and refuse what the read models
//! already know to be impossible; append the event; wait until the projection has folded it; read
//! the verdict. The log's order decides every race, so there is no lock and no transaction here.
//!
//! Never in here: HTTP, a write to a read-model table, a rule that the fold should decide.

mod claims;
mod context;
mod delete;
mod erase;
mod error;
mod login;
mod operators;
mod original;
mod outcomes;
mod password;
mod personal_data;
mod register;
mod resumable;
mod secrets;
pub mod sniff;
mod status;
mod sweep;
mod token;
mod upload;
mod vote;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{EventId, Verdict};
use infra::event_log::envelope::Envelope;
use infra::event_log::{AppendError, EventLog};
use infra::object_storage::ObjectStorage;
use ports::read_models::ReadModels;
use ports::verdicts::{EventSubmitter, SubmitOutcome, VerdictLookup};
use sqlx::PgPool;

pub use context::Context;
pub use error::{CommandError, StoreOriginalError};
pub use operators::{Operators, RoleChange, RoleChanged};
pub use original::StoredOriginal;
pub use personal_data::{Invented, introduce};
pub use register::Registration;
pub use resumable::{
    Appended, Checksum, NewUpload, Piece, ResumableError, ResumableUpload, UploadId,
    observe_uploads,
};
pub use status::CommandStatus;
pub use sweep::{Sweeper, Swept};
pub use token::CommandToken;
pub use upload::{NewVideo, UploadedVideo};

use claims::Claims;
use outcomes::Outcomes;
use password::Passwords;
use resumable::UploadPlaces;
use secrets::EmailSecret;
use token::TokenKey;
use vote::Ballots;

/// Everything that commands need of the world.
pub struct Parts {
    /// The log, to append to.
    pub log: Arc<dyn EventLog>,
    /// Append, wait, verdict.
    pub submitter: EventSubmitter,
    /// What the read models know.
    pub read_models: Arc<dyn ReadModels>,
    /// Verdicts of commands that outlived their request.
    pub verdicts: Arc<dyn VerdictLookup>,
    /// Where originals go.
    pub storage: Arc<dyn ObjectStorage>,
    /// The database of `personal_data`.
    pub pool: PgPool,
}

/// How commands behave.
pub struct CommandSettings {
    /// How long a command waits for its verdict before it answers "pending".
    pub verdict_deadline: Duration,
    /// The secret from which the key of command tokens is derived.
    pub secret_key: Vec<u8>,
    /// How many passwords are hashed at once; each takes 19 MiB meanwhile.
    pub hash_parallelism: usize,
    /// A resumable upload of which nothing comes for so long is forgotten.
    pub upload_expiry: Duration,
}

/// The commands. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    verdict_deadline: Duration,
    upload_expiry: Duration,
    upload_places: UploadPlaces,
    email_secret: EmailSecret,
    passwords: Arc<Passwords>,
    tokens: TokenKey,
    ballots: Ballots,
    claims: Claims,
    outcomes: Outcomes,
}

/// How a command ended, as far as its request can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// It took effect.
    Done(T),
    /// It stands in the log, but its verdict is not known yet. The token asks for it later.
    Pending(CommandToken),
}

impl Commands {
    /// Puts the commands together; reads (or makes, once) the secret of email pseudonyms.
    ///
    /// # Errors
    /// [`CommandError`] if the database cannot be used.
    pub async fn new(parts: Parts, settings: CommandSettings) -> Result<Self, CommandError> {
        let email_secret = EmailSecret::load(&parts.pool).await?;
        Self::with_email_secret(parts, settings, email_secret.0)
    }

    /// Puts the commands together around an email secret that is known already. Nothing but
    /// registration and signing in will ask the database.
    ///
    /// # Errors
    /// [`CommandError::Internal`] if passwords cannot be hashed.
    pub fn with_email_secret(
        parts: Parts,
        settings: CommandSettings,
        email_secret: [u8; 32],
    ) -> Result<Self, CommandError> {
        let inner = Inner {
            parts,
            verdict_deadline: settings.verdict_deadline,
            upload_expiry: settings.upload_expiry,
            upload_places: UploadPlaces::default(),
            email_secret: EmailSecret(email_secret),
            passwords: Arc::new(Passwords::new(settings.hash_parallelism)?),
            tokens: TokenKey::derive(&settings.secret_key),
            ballots: Ballots::default(),
            claims: Claims::default(),
            outcomes: Outcomes::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same commands as another process has them: same secrets, other parts, nothing remembered.
    #[must_use]
    pub fn elsewhere(&self, parts: Parts) -> Self {
        let inner = Inner {
            parts,
            verdict_deadline: self.inner.verdict_deadline,
            upload_expiry: self.inner.upload_expiry,
            upload_places: UploadPlaces::default(),
            email_secret: self.inner.email_secret,
            passwords: Arc::clone(&self.inner.passwords),
            tokens: self.inner.tokens.clone(),
            ballots: Ballots::default(),
            claims: Claims::default(),
            outcomes: Outcomes::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Steps two to four: append, wait, verdict.
    async fn decide(&self, envelope: Envelope) -> Result<Answer<Verdict>, AppendError> {
        let kind = envelope_kind(&envelope);
        let event_id: EventId = envelope.event_id;
        let counts = vote::counted_video(&envelope.event);
        let decided =
            self.inner.parts.submitter.submit(envelope, self.inner.verdict_deadline).await;
        let (outcome, answer) = match decided {
            Ok(SubmitOutcome::Decided { verdict, .. }) => {
                (verdict_label(&verdict), Ok(Answer::Done(verdict)))
            }
            Ok(SubmitOutcome::Pending { position }) => {
                let token = self.inner.tokens.issue(event_id, position, counts);
                ("pending", Ok(Answer::Pending(token)))
            }
            Err(error) => ("unavailable", Err(error)),
        };
        self.inner.outcomes.count(kind, outcome);
        answer
    }

    /// How often each command of this process has ended in each way: `accepted`, `pending`,
    /// `unavailable`, or why it was rejected.
    pub fn outcomes(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.inner.outcomes.all()
    }

    /// Where each partition of the log ends: how far it can be folded.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] if the log gives no answer.
    pub async fn ends_of_the_log(&self) -> Result<Vec<u64>, CommandError> {
        let ends = self.inner.parts.log.end_offsets().await;
        ends.map_err(|error| CommandError::Unavailable(error.to_string()))
    }
}

fn verdict_label(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted { .. } => "accepted",
        Verdict::Rejected(rejection) => rejection.code(),
    }
}

fn envelope_kind(envelope: &Envelope) -> &'static str {
    use domain::{AccountEvent, Event, VideoEvent};
    match &envelope.event {
        Event::Account(_, AccountEvent::Registered(_)) => "register",
        Event::Account(_, AccountEvent::Erased(_)) => "erase",
        Event::Account(_, AccountEvent::OperatorGranted(_) | AccountEvent::OperatorRevoked(_)) => {
            "operator"
        }
        Event::Video(_, VideoEvent::Uploaded(_)) => "upload",
        Event::Video(_, VideoEvent::Deleted(_)) => "delete",
        Event::Video(_, VideoEvent::Withdrawn(_)) => "withdraw",
        Event::Video(_, VideoEvent::VoteCast(_)) => "vote",
        Event::Video(..) => "transcode",
    }
}
