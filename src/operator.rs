//! `anb operator`: who may see how the installation fares. The role is given here and nowhere else;
//! like everything, it goes through the log.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Subcommand;
use commands::{CommandError, Operators, RoleChange, RoleChangeOutcome};
use domain::Rejection;
use infra::config::{DatabaseArgs, EventLogArgs};
use projections::queries::operators;
use tokio::task::JoinSet;

use crate::backing_services::BackingServices;
use crate::output::say;
use crate::serve::components::SharedComponents;

/// How long a projector may take before we go without its verdict.
const PATIENCE: Duration = Duration::from_secs(10);

/// Flags of `operator`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OperatorArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    event_log: EventLogArgs,

    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Make somebody an operator who has signed up
    Grant {
        /// The address that they have signed up with
        email: String,
    },
    /// Take the role from somebody; it ends at once
    Revoke {
        /// The address that they have signed up with
        email: String,
    },
    /// Print who is an operator, and since when
    List,
}

pub(crate) async fn run(args: &OperatorArgs) -> Result<()> {
    let services = BackingServices::open(&args.database.parse()?, &args.event_log.parse()?).await?;
    let done = match &args.action {
        Action::Grant { email } => change(&services, email, RoleChange::Grant).await,
        Action::Revoke { email } => change(&services, email, RoleChange::Revoke).await,
        Action::List => list(&services).await,
    };
    services.close().await;
    done
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
    // A schema that knows no operators belongs to projectors that would not know the event.
    operators(services.pool()).await?;
    let shared = SharedComponents::new(services);
    let mut background = JoinSet::new();
    shared.spawn_into(&mut background, services, Duration::ZERO);
    let lookup = Arc::clone(&shared.lookup) as _;
    let known = Operators::new(services.pool(), shared.submitter, lookup, PATIENCE).await?;
    let (now, before, soon) = match change {
        RoleChange::Grant => ("is an operator now", "is an operator already", "will be one"),
        RoleChange::Revoke => ("is no operator any more", "was no operator", "will be none"),
    };
    match known.change(email, change).await {
        Ok(RoleChangeOutcome::Changed(account)) => {
            // A projector that does not know the event sets it aside, and goes on.
            let is = operators(services.pool()).await?.iter().any(|known| known.account == account);
            if is != (change == RoleChange::Grant) {
                bail!(
                    "it stands in the log, but nothing has come of it: is there a projector of an \
                     older version? (see anb dead-letters list)"
                );
            }
            say(format_args!("{email} {now}"))?;
        }
        Ok(RoleChangeOutcome::Unchanged) => say(format_args!("{email} {before}"))?,
        Ok(RoleChangeOutcome::Pending) => say(format_args!(
            "{email} {soon} once a projector has come to it: it stands in the log"
        ))?,
        Err(CommandError::Rejected(Rejection::AccountUnknown)) => {
            bail!("nobody has signed up with {email}")
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
