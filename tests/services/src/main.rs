//! Starts the services, runs a command that uses them, removes everything.
//!
//! - `run COMMAND`: PostgreSQL, Kafka and S3. The command finds their addresses in [`variables`].
//! - `with-database COMMAND`: PostgreSQL alone. `DATABASE_URL` is a migrated database.

use std::process::ExitCode;

use anyhow::{Context, bail};
use infra::private_postgres::{PrivatePostgres, Purpose};
use test_services::{OwnKafka, OwnS3, postgres, variables};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode @ ("run" | "with-database"), program, rest @ ..] =
        &*arguments.iter().map(String::as_str).collect::<Vec<_>>()
    else {
        bail!("usage: test-services run|with-database COMMAND [ARGUMENT …]");
    };
    let mut command = Command::new(program);
    command.args(rest);
    let folder = postgres::scratch()?;
    let database = PrivatePostgres::start(&postgres::home(&folder), Purpose::Disposable).await?;
    let template = postgres::make_template(&database.url()).await?;
    let code = if *mode == "run" {
        let (kafka, s3) = (OwnKafka::start()?, OwnS3::start()?);
        command
            .env(variables::DATABASE_URL, database.url())
            .env(variables::KAFKA_BROKERS, kafka.brokers())
            .env(variables::S3_ENDPOINT, s3.endpoint());
        run(&mut command).await
    } else {
        run(command.env("DATABASE_URL", template)).await
    };
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
