//! `test-services run COMMAND`: starts the services, runs the command, removes everything.

use std::process::ExitCode;

use anyhow::{Context, bail};
use infra::private_postgres::{PrivatePostgres, Purpose};
use test_services::{OwnKafka, OwnS3, postgres, variables};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some([program, rest @ ..]) = arguments.strip_prefix(&["run".to_owned()]) else {
        bail!("usage: test-services run COMMAND [ARGUMENT …]");
    };
    let folder = postgres::scratch()?;
    let database = PrivatePostgres::start(&postgres::home(&folder), Purpose::Disposable).await?;
    postgres::make_template(&database.url()).await?;
    let kafka = OwnKafka::start()?;
    let s3 = OwnS3::start()?;
    let code = run(Command::new(program)
        .args(rest)
        .env(variables::DATABASE_URL, database.url())
        .env(variables::KAFKA_BROKERS, kafka.brokers())
        .env(variables::S3_ENDPOINT, s3.endpoint()))
    .await;
    database.stop().await?;
    code
}

/// Waits for the command, or for SIGINT or SIGTERM. Either way, the caller can clean up.
async fn run(command: &mut Command) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = command.kill_on_drop(true).spawn().context("cannot start the command")?;
    let status = tokio::select! {
        status = child.wait() => status?,
        // A terminal sends the signal to the command too. Otherwise the drop kills the command.
        _ = interrupt.recv() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
