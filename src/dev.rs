//! `anb dev`: a whole contest on one machine, from nothing.

use std::net::SocketAddr;

use anyhow::Result;
use infra::config::{EventLogSettings, StorageSettings};

use crate::data_dir::{DataDirLock, secret_key};
use crate::output::say;
use crate::serve::{self, Service};
use crate::settings::{ServeArgs, Settings};
use crate::shutdown;
use crate::world::World;

pub(crate) async fn run(args: &ServeArgs) -> Result<()> {
    let stop = shutdown::on_signals()?;
    let data_dir = &args.database.data_dir;
    let lock = DataDirLock::take(data_dir)?;
    let key = secret_key(data_dir)?;
    let settings = args.parse_dev(key)?;
    // Before the database: a port in use is the likeliest mistake, and the quickest to tell.
    let listener = serve::bind(settings.http.addr).await?;
    let address = listener.local_addr()?;
    say(format_args!("ANB Rising Stars Showcase {}", env!("CARGO_PKG_VERSION")))?;
    let world = World::start_private(lock, &settings).await?;
    let ran = match Service::start(&settings, &world, listener, stop).await {
        Ok(service) => {
            introduce(&settings, &world, address)?;
            let ran = service.run().await;
            say("stopping")?;
            ran
        }
        Err(error) => Err(error),
    };
    world.close().await;
    ran
}

/// What runs where, and the next thing to try.
fn introduce(settings: &Settings, world: &World, address: SocketAddr) -> Result<()> {
    let url = settings.http.public_url(address);
    let log = match &settings.event_log {
        EventLogSettings::Postgres { partitions } => {
            format!("in the database, {partitions} partitions")
        }
        EventLogSettings::Kafka { brokers, topic, partitions } => {
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
    say(format_args!("  database   {}", world.database_place()))?;
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
