//! `anb demo`: fills a running instance through its public HTTP API, as people would; or, with
//! `--direct`, the log of one that is only measured.

mod client;
mod data;
mod direct;
mod people;
mod stages;
mod votes;

use std::time::Instant;

use anyhow::{Result, bail};
use infra::config::{DatabaseArgs, EventLogArgs};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::output::say;
use client::Client;
use people::Cast;
use stages::{Stage, Video};

/// Artists, and fans, of the largest contest.
const MOST: i64 = 5_000_000;

/// Flags of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Where the instance answers
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,

    /// How many artists sign up, each with one video
    #[arg(long, value_name = "N", default_value = "200",
          value_parser = clap::value_parser!(u32).range(1..=MOST))]
    pub(crate) artists: u32,

    /// How many people sign up just to vote; artists vote too [default: as many as artists]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=MOST))]
    pub(crate) fans: Option<u32>,

    /// How many votes are cast; few artists get most of them
    #[arg(long, value_name = "N", default_value = "5000")]
    pub(crate) votes: u32,

    /// Same seed, same people: a second run finds them registered and goes on from there
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,

    /// Requests under way at the same time
    #[arg(long, value_name = "N", default_value = "16",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) concurrency: u16,

    /// Append to the log at full speed instead of asking the instance: invented people who never
    /// sign in, and videos without files. For measurements; the log keeps it for ever
    #[arg(long)]
    pub(crate) direct: bool,

    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    event_log: EventLogArgs,
}

impl DemoArgs {
    fn fans(&self) -> u32 {
        self.fans.unwrap_or(self.artists)
    }
}

pub(crate) async fn run(args: DemoArgs) -> Result<()> {
    if args.direct {
        return direct::run(&args).await;
    }
    let started = Instant::now();
    let client = Client::new(&args.url)?;
    client.check().await?;
    let mut rng = StdRng::seed_from_u64(args.seed);
    let cast = Cast::invent(&mut rng, args.seed, args.artists, args.fans());
    let clips = data::clips().await?;
    let concurrency = usize::from(args.concurrency);

    let accounts = Stage::new("signing up", cast.people.len())
        .run(cast.people.iter().map(|person| client.enter(person)), concurrency)
        .await?;
    let uploads = cast.videos.iter().zip(&accounts).enumerate();
    let uploads = uploads.map(|(number, (title, account))| {
        client.upload(account, title, &clips[number % clips.len()], number)
    });
    let videos: Vec<Video> =
        Stage::new("uploading", cast.videos.len()).run(uploads, concurrency.min(8)).await?;
    let published = stages::wait_until_processed(&client, videos).await?;
    if published.is_empty() {
        bail!("no video was processed: is a transcoder running?");
    }

    let ballots = votes::draw(&mut rng, published.len(), accounts.len(), args.votes as usize);
    let counted = Stage::new("voting", ballots.len())
        .run(
            ballots
                .iter()
                .map(|ballot| client.vote(&accounts[ballot.voter], &published[ballot.video])),
            concurrency,
        )
        .await?
        .into_iter()
        .filter(|counted| *counted)
        .count();
    summarize(&client, &args, &cast, published.len(), counted, started).await
}

async fn summarize(
    client: &Client,
    args: &DemoArgs,
    cast: &Cast,
    published: usize,
    counted: usize,
    started: Instant,
) -> Result<()> {
    let ranking = client.ranking(10).await?;
    say(format_args!(
        "{} people, {published} videos published, {counted} votes counted, in {:.0} s",
        cast.people.len(),
        started.elapsed().as_secs_f64()
    ))?;
    say("")?;
    for row in &ranking.rankings {
        let place = format!("{}, {}", row.city, row.country);
        say(format_args!(
            "{:>4}  {:<28}  {place:<32}  {:>6}",
            row.position, row.username, row.votes
        ))?;
    }
    say("")?;
    say(format_args!("{} artists in the ranking:", ranking.total))?;
    say(format_args!("  curl -s '{}/api/public/rankings?page_size=5'", args.url))
        .map_err(Into::into)
}
