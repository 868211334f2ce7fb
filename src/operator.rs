//! `anb operator`: grants and revokes the operator role, through the log as every command.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Subcommand;
use commands::{CommandError, EmailSecret, Operators, RoleChange, RoleChangeOutcome};
use domain::Rejection;
use projections::queries::operators;
use tokio::task::JoinSet;

use crate::backing_services::{BackingServices, BackingServicesArgs};
use crate::output::say;
use crate::serve::components::SharedComponents;

/// How long the command waits for its verdict.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(10);

/// Flags of `operator`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OperatorArgs {
    #[command(flatten)]
    services: BackingServicesArgs,

    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Grant the role to an account
    Grant {
        /// Email address of the account
        email: String,
    },
    /// Revoke the role of an account at once
    Revoke {
        /// Email address of the account
        email: String,
    },
    /// List the operators, and since when they have the role
    List,
}

pub(crate) async fn run(args: &OperatorArgs) -> Result<()> {
    args.services
        .run(async |services| match &args.action {
            Action::Grant { email } => change(services, email, RoleChange::Grant).await,
            Action::Revoke { email } => change(services, email, RoleChange::Revoke).await,
            Action::List => list(services).await,
        })
        .await
}

async fn list(services: &BackingServices) -> Result<()> {
    let operators = operators(services.pool()).await?;
    for operator in &operators {
        let since = operator.since.format("%Y-%m-%dT%H:%M:%SZ");
        let email = operator.email.as_deref().unwrap_or("-");
        say(format_args!("{since}  {}  {email}  {}", operator.account, operator.name))?;
    }
    say(format_args!("{} operators", operators.len())).map_err(Into::into)
}

async fn change(services: &BackingServices, email: &str, change: RoleChange) -> Result<()> {
    // Fails on a schema without operators: its projectors would not know the event.
    operators(services.pool()).await?;
    let shared = SharedComponents::new(services);
    let mut background = JoinSet::new();
    shared.spawn_into(&mut background, services, Duration::ZERO);
    shared.watch_log(services).await;
    let lookup = Arc::clone(&shared.lookup) as _;
    let secret = EmailSecret::load(services.pool(), services.log.as_ref()).await?;
    let known = Operators::new(secret, shared.submitter, lookup, VERDICT_TIMEOUT);
    let (now, before, soon) = match change {
        RoleChange::Grant => ("is an operator now", "is an operator already", "will be one"),
        RoleChange::Revoke => ("is no operator any more", "was no operator", "will be none"),
    };
    match known.change(email, change).await {
        Ok(RoleChangeOutcome::Changed(account)) => {
            // An older projector does not know the event and stores it as a dead letter.
            let is = operators(services.pool()).await?.iter().any(|known| known.account == account);
            if is != (change == RoleChange::Grant) {
                bail!(
                    "the event is in the log, but it had no effect: does a projector of an older \
                     version run? (see anb dead-letters list)"
                );
            }
            say(format_args!("{email} {now}"))?;
        }
        Ok(RoleChangeOutcome::Unchanged) => say(format_args!("{email} {before}"))?,
        Ok(RoleChangeOutcome::Pending) => say(format_args!(
            "the event is in the log: {email} {soon} once a projector has folded it"
        ))?,
        Err(CommandError::Rejected(Rejection::AccountUnknown)) => {
            bail!("nobody has signed up with {email}")
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
