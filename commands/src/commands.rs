//! The commands, what they depend on, and the steps that all of them share: append, wait, verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{EventType, Verdict};
use infra::database::Pool;
use infra::event_log::envelope::Envelope;
use infra::event_log::{AppendError, EventLog};
use infra::object_storage::ObjectStorage;
use ports::read_models::ReadModels;
use ports::verdicts::{AwaitedEvent, EffectRow, EventSubmitter, SubmitOutcome, VerdictLookup};

use crate::answer::Answer;
use crate::command_outcomes::CommandOutcomes;
use crate::email_secret::EmailSecret;
use crate::error::CommandError;
use crate::idempotency_keys::IdempotencyKeys;
use crate::password::Passwords;
use crate::resumable::limits::UploadLimits;
use crate::token::{TokenKey, TokenPayload};
use crate::vote_cache::VoteCache;

/// What commands depend on.
pub struct CommandDependencies {
    /// The log, to append to.
    pub log: Arc<dyn EventLog>,
    /// Append, wait, verdict.
    pub submitter: EventSubmitter,
    /// What the read models know.
    pub read_models: Arc<dyn ReadModels>,
    /// Verdicts of commands whose request has ended.
    pub verdicts: Arc<dyn VerdictLookup>,
    /// The object store for originals.
    pub storage: Arc<dyn ObjectStorage>,
    /// The database of `personal_data`.
    pub pool: Pool,
}

/// How commands behave.
pub struct CommandSettings {
    /// How long a command waits for its verdict before it answers "pending".
    pub verdict_deadline: Duration,
    /// The secret from which the key of command tokens is derived.
    pub secret_key: Vec<u8>,
    /// How many passwords are hashed at once; each takes 19 MiB meanwhile.
    pub hash_parallelism: usize,
    /// How long a resumable upload is kept without a new piece.
    pub upload_expiry: Duration,
}

/// The commands. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) dependencies: CommandDependencies,
    pub(crate) verdict_deadline: Duration,
    pub(crate) upload_expiry: Duration,
    pub(crate) upload_limits: UploadLimits,
    pub(crate) email_secret: EmailSecret,
    pub(crate) passwords: Passwords,
    pub(crate) tokens: TokenKey,
    pub(crate) vote_cache: VoteCache,
    pub(crate) idempotency_keys: IdempotencyKeys,
    pub(crate) outcomes: CommandOutcomes,
}

impl Commands {
    /// Builds the commands of one process, with empty caches.
    ///
    /// # Errors
    /// [`CommandError::Internal`] if passwords cannot be hashed.
    pub fn new(
        dependencies: CommandDependencies,
        settings: CommandSettings,
        email_secret: EmailSecret,
    ) -> Result<Self, CommandError> {
        let inner = Inner {
            dependencies,
            verdict_deadline: settings.verdict_deadline,
            upload_expiry: settings.upload_expiry,
            upload_limits: UploadLimits::default(),
            email_secret,
            passwords: Passwords::new(settings.hash_parallelism)?,
            tokens: TokenKey::derive(&settings.secret_key),
            vote_cache: VoteCache::default(),
            idempotency_keys: IdempotencyKeys::default(),
            outcomes: CommandOutcomes::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Appends the event, waits for its verdict, and counts the outcome.
    pub(crate) async fn submit(&self, envelope: Envelope) -> Result<Answer<Verdict>, AppendError> {
        let label = command_label(envelope.event.event_type());
        let event_id = envelope.event_id;
        let effect = EffectRow::of(&envelope.event);
        let Inner { dependencies, verdict_deadline, tokens, .. } = &*self.inner;
        let submitted = dependencies.submitter.submit(envelope, *verdict_deadline).await;
        let (outcome, answer) = match submitted {
            Ok(SubmitOutcome::Decided { verdict, .. }) => {
                (verdict_label(&verdict), Ok(Answer::Done(verdict)))
            }
            Ok(SubmitOutcome::Pending { position }) => {
                // Every command's event has a row; the transcoder's interim reports are no commands.
                let effect =
                    effect.ok_or_else(|| AppendError::unknown("no row shows the event"))?;
                let awaited = AwaitedEvent { event_id, effect };
                ("pending", Ok(Answer::Pending(tokens.issue(TokenPayload { awaited, position }))))
            }
            Err(error) => ("unavailable", Err(error)),
        };
        self.inner.outcomes.count(label, outcome);
        answer
    }

    /// How often each command of this process has ended in each way: `accepted`, `pending`,
    /// `unavailable`, or the code of its rejection.
    pub fn outcomes(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.inner.outcomes.all()
    }

    /// The end offset of each partition of the log, `None` while the partition has no leader.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] if the log does not answer.
    pub async fn log_end_offsets(&self) -> Result<Vec<Option<u64>>, CommandError> {
        self.inner.dependencies.log.known_end_offsets().await.map_err(CommandError::unavailable)
    }
}

fn verdict_label(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted { .. } => "accepted",
        Verdict::Rejected(rejection) => rejection.code(),
    }
}

/// The `command` label of `anb_command_verdicts_total`.
fn command_label(event_type: EventType) -> &'static str {
    match event_type {
        EventType::AccountRegistered => "register",
        EventType::AccountErased => "erase",
        EventType::OperatorGranted | EventType::OperatorRevoked => "operator",
        EventType::VideoUploaded => "upload",
        EventType::VideoProcessingStarted
        | EventType::VideoProcessed
        | EventType::VideoProcessingFailed => "transcode",
        EventType::VideoDeleted => "delete",
        EventType::VideoWithdrawn => "withdraw",
        EventType::VoteCast => "vote",
    }
}
