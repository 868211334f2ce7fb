//! `anb dev`: a whole contest on one machine, with a private database.

use std::net::SocketAddr;

use anyhow::Result;
use infra::config::{EventLogSettings, KafkaSettings, StorageSettings};

use crate::backing_services::BackingServices;
use crate::data_dir::{DataDirLock, secret_key};
use crate::output::say;
use crate::serve::{self, Server};
use crate::settings::{ServeArgs, Settings};
use crate::shutdown;

pub(crate) async fn run(args: &ServeArgs) -> Result<()> {
    let stop = shutdown::on_signals()?;
    let data_dir = &args.database.data_dir;
    let lock = DataDirLock::take(data_dir)?;
    let key = secret_key(data_dir)?;
    let settings = args.parse_dev(key)?;
    // Before the database starts: a port in use is the likeliest mistake and shows at once.
    let listener = serve::bind(settings.http.addr).await?;
    let address = listener.local_addr()?;
    say(format_args!("ANB Rising Stars Showcase {}", env!("CARGO_PKG_VERSION")))?;
    let services = BackingServices::start_private(lock, &settings).await?;
    let services = if settings.read_only { services.read_only() } else { services };
    let ran = match Server::start(&settings, &services, listener, stop).await {
        Ok(server) => {
            print_summary(&settings, &services, address)?;
            let ran = server.run().await;
            say("stopping")?;
            ran
        }
        Err(error) => Err(error),
    };
    services.close().await;
    ran
}

/// Prints where everything runs, and what to try next.
fn print_summary(
    settings: &Settings,
    services: &BackingServices,
    address: SocketAddr,
) -> Result<()> {
    let url = settings.http.public_url(address);
    let log = match &settings.event_log {
        EventLogSettings::Postgres { partitions } => {
            format!("in the database, {partitions} partitions")
        }
        EventLogSettings::Kafka(kafka) => {
            let KafkaSettings { brokers, topic, partitions, .. } = kafka.as_ref();
            format!("Kafka at {brokers}, topic {topic}, {partitions} partitions")
        }
    };
    let media = match &settings.storage {
        StorageSettings::Local { root } => root.display().to_string(),
        StorageSettings::S3 { bucket, .. } => format!("S3, bucket {bucket}"),
    };
    let program = std::env::args().next().unwrap_or_else(|| "anb".to_owned());
    say("")?;
    say(format_args!("  API        {url}/docs"))?;
    say(format_args!("  database   {}", services.describe_database()))?;
    say(format_args!("  log        {log}"))?;
    say(format_args!("  media      {media}"))?;
    say(format_args!("  roles      {}", settings.roles))?;
    say("")?;
    say("Try, in another terminal:")?;
    say(format_args!("  {program} demo --url {url}"))?;
    say(format_args!("  curl -s {url}/api/public/rankings"))?;
    say("")?;
    say("Ctrl-C stops everything.").map_err(Into::into)
}
