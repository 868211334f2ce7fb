//! `anb demo`: fills a running instance with artists, videos and votes through its public HTTP API.

mod client;
mod data;
mod participants;
mod phases;
mod votes;

use std::time::Instant;

use anyhow::{Result, bail};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::output::say;
use client::{Client, Video};
use participants::Participants;
use phases::Phase;

/// Upper limit of `--artists` and of `--fans`.
const MAX_PARTICIPANTS: i64 = 5_000_000;

/// Flags of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Address of the running instance
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,

    /// Number of artists, each with one video
    #[arg(long, value_name = "N", default_value = "200",
          value_parser = clap::value_parser!(u32).range(1..=MAX_PARTICIPANTS))]
    pub(crate) artists: u32,

    /// Number of fans, who only vote; artists vote too [default: as many as artists]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=MAX_PARTICIPANTS))]
    pub(crate) fans: Option<u32>,

    /// Number of votes; a few artists get most of them
    #[arg(long, value_name = "N", default_value = "5000")]
    pub(crate) votes: u32,

    /// Seed of the invented people. A second run with the same seed continues the first
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,

    /// Concurrent requests
    #[arg(long, value_name = "N", default_value = "16",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) concurrency: u16,
}

pub(crate) async fn run(args: DemoArgs) -> Result<()> {
    let started = Instant::now();
    let client = Client::new(&args.url)?;
    client.check().await?;
    let mut rng = StdRng::seed_from_u64(args.seed);
    let fans = args.fans.unwrap_or(args.artists);
    let participants = Participants::invent(&mut rng, args.seed, args.artists, fans);
    let clips = data::clips().await?;
    let concurrency = usize::from(args.concurrency);

    let accounts = Phase::new("signing up", participants.people.len())
        .run(participants.people.iter().map(|person| client.enter(person)), concurrency)
        .await?;
    let uploads = participants.videos.iter().zip(&accounts).enumerate();
    let uploads = uploads.map(|(number, (title, account))| {
        client.upload(account, title, &clips[number % clips.len()], number)
    });
    let videos: Vec<Video> =
        Phase::new("uploading", participants.videos.len()).run(uploads, concurrency.min(8)).await?;
    let published = phases::wait_until_processed(&client, videos).await?;
    if published.is_empty() {
        bail!("no video was processed: is a transcoder running?");
    }

    let ballots = votes::draw(&mut rng, published.len(), accounts.len(), args.votes as usize)?;
    let counted = Phase::new("voting", ballots.len())
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
    summarize(&client, &args, &participants, published.len(), counted, started).await
}

async fn summarize(
    client: &Client,
    args: &DemoArgs,
    participants: &Participants,
    published: usize,
    counted: usize,
    started: Instant,
) -> Result<()> {
    let ranking = client.ranking(10).await?;
    say(format_args!(
        "{} people, {published} videos published, {counted} votes counted, in {:.0} s",
        participants.people.len(),
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
