//! Boards of a million artists in memory, beside a library of indexed sets and beside Redis.
//!
//! Each contender keeps four boards per artist: global, country, city, and city in country. The
//! library runs in this process, after ours, on the same artists.
//!
//! Redis answers pipelined commands, so the boards are asked for many positions at once, and a
//! generation holds many votes. Changes and commands are prepared before the clock starts.

mod contenders;
mod redis;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use domain::AccountId;
use domain::ranking::Standing;
use infra::database::{self, Pool};
use projections::boards::{Boards, BoardsBuilder, Change};
use projections::rankings::{BoardsFollower, Rankings};
use test_services::OwnPostgres;
use uuid::Uuid;

use crate::deployment::FILL_TIMEOUT;
use crate::report::{Figure, Floor, Report};
use crate::resident::resident;
use contenders::{Contender, Library, Vote};
use redis::{PIPELINE, Pipeline, Redis};

const ARTISTS: u64 = 1_000_000;
/// Boards per artist.
const BOARDS: f64 = 4.0;
const COUNTRIES: u64 = 20;
const CITIES: u64 = 1_000;
/// Runs of each operation.
const OPERATIONS: u64 = 200_000;
const MAX_BYTES: f64 = 50.0;
const MAX_LOAD_SECONDS: f64 = 3.0;
const MIN_REDIS_RATIO: Floor = Floor::Ratio(20.0);
const MAX_REDIS_MEMORY: Floor = Floor::RatioAtMost(0.5);

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Boards in memory. Theirs: a set of standings per board (indexset), and a hash map by id",
        &format!(
            "{ARTISTS} artists, {BOARDS} boards each; {OPERATIONS} of each operation, one thread; \
             {PIPELINE} votes per generation, prepared before"
        ),
    )?;
    let ours = Run::of::<Boards>()?;
    let theirs = Run::of::<Library>()?;
    for (what, of) in [
        ("an artist's position", (|run| run.positions) as fn(&Run) -> f64),
        ("positions, many at once", |run| run.at_once),
        ("a page of 20 at any depth", |run| run.pages),
        ("a vote, on all boards", |run| run.changes),
    ] {
        report.figure(&Figure {
            theirs: Some(of(&theirs)),
            ..Figure::alone(what, "per s", of(&ours))
        })?;
    }
    let memory = Figure {
        theirs: Some(theirs.bytes),
        ..Figure::alone("resident memory per artist and board", "bytes", ours.bytes)
    };
    report.figure(&memory.with_floor(Floor::AtMost(MAX_BYTES)))?;
    beside_redis(&ours, report)?;
    let pool = database::connect(&postgres.database_url().await?, 2).await?;
    let pool = pool.with_statement_timeout(FILL_TIMEOUT);
    let seconds = load(&pool).await.context("loading from Postgres")?;
    let loaded = Figure::alone("loaded from Postgres", "s", seconds);
    report.figure(&loaded.with_floor(Floor::AtMost(MAX_LOAD_SECONDS)))
}

/// The same operations beside Redis, which gets pipelined commands through a socket.
fn beside_redis(ours: &Run, report: &mut Report) -> Result<()> {
    let theirs = InRedis::measure()?;
    let on_one = votes_on_one_board()?;
    for (what, unit, ours, theirs, floor) in [
        (
            "positions, many at once (ZREVRANK)",
            "per s",
            ours.at_once,
            theirs.positions,
            Some(MIN_REDIS_RATIO),
        ),
        ("a position, alone (ZREVRANK, many)", "per s", ours.positions, theirs.positions, None),
        (
            "a vote, on one board (ZINCRBY on one)",
            "per s",
            on_one,
            theirs.on_one,
            Some(MIN_REDIS_RATIO),
        ),
        ("a vote, on four (ZINCRBY on four)", "per s", ours.changes, theirs.on_four, None),
        ("a vote, on four (ZINCRBY on one)", "per s", ours.changes, theirs.on_one, None),
        (
            "memory per artist and board (Redis)",
            "bytes",
            ours.bytes,
            theirs.bytes,
            Some(MAX_REDIS_MEMORY),
        ),
    ] {
        report.figure(&Figure {
            theirs: Some(theirs),
            floor,
            ..Figure::alone(what, unit, ours)
        })?;
    }
    Ok(())
}

/// Operations per second of Redis' sorted sets, and their memory.
struct InRedis {
    positions: f64,
    on_one: f64,
    on_four: f64,
    bytes: f64,
}

impl InRedis {
    fn measure() -> Result<Self> {
        let mut redis = Redis::start()?;
        let empty = redis.memory()?;
        let put = |board: &str, n| redis::put(board, id(n).0, standing(n, n).votes);
        redis.run(&Pipeline::of((0..ARTISTS).map(|n| put("global", n))))?;
        ensure!(redis.members("global")? == ARTISTS, "Redis does not have all artists");
        let bytes = (redis.memory()? - empty) / ARTISTS as f64;
        let position = |n| redis::position("global", id(scattered(n)).0);
        let positions = redis.per_second((0..OPERATIONS).map(position))?;
        let vote = |n| redis::vote("global", id(scattered(n)).0);
        let on_one = redis.per_second((0..OPERATIONS).map(vote))?;
        let parts = |n| parts(n).into_iter().map(move |board| put(&board, n));
        redis.run(&Pipeline::of((0..ARTISTS).flat_map(parts)))?;
        let on_all = (0..OPERATIONS).flat_map(|n| votes_on_all(scattered(n)));
        let on_four = redis.per_second(on_all)? / BOARDS;
        Ok(Self { positions, on_one, on_four, bytes })
    }
}

impl Redis {
    /// Runs prepared commands. Returns their rate per second.
    fn per_second(&mut self, commands: impl Iterator<Item = Vec<u8>>) -> Result<f64> {
        let commands: Vec<_> = commands.collect();
        let count = commands.len() as f64;
        let pipelines = Pipeline::of(commands.into_iter());
        let started = Instant::now();
        self.run(&pipelines)?;
        Ok(count / started.elapsed().as_secs_f64())
    }
}

/// An artist's boards besides the global one.
fn parts(artist: u64) -> [String; 3] {
    let (city, country) = (city(artist), country(artist));
    [format!("country {country}"), format!("city {city}"), format!("city {city} in {country}")]
}

fn votes_on_all(artist: u64) -> impl Iterator<Item = Vec<u8>> {
    let boards = std::iter::once("global".to_owned()).chain(parts(artist));
    boards.map(move |board| redis::vote(&board, id(artist).0))
}

/// Votes per second with only the global board, because no artist has a city or a country.
fn votes_on_one_board() -> Result<f64> {
    let mut builder = BoardsBuilder::default();
    (0..ARTISTS).for_each(|n| builder.add(standing(n, n), "", ""));
    let mut boards = builder.build(0);
    ensure!(boards.directory().len() == 1, "there is more than one board");
    let without_place = |Vote { standing, .. }| Change::Ranks {
        standing,
        city: String::new(),
        country: String::new(),
    };
    let generations = generations(|votes| votes.map(without_place).collect());
    Ok(applied_per_second(generations, |generation: Vec<Change>| boards.apply(0, generation)))
}

/// One more vote per operation, [`PIPELINE`] votes per generation.
fn generations<G>(of: impl Fn(&mut dyn Iterator<Item = Vote>) -> G) -> Vec<G> {
    let voted = |n| {
        let artist = scattered(n);
        let votes = standing(artist, 0).votes + 1;
        Vote { standing: standing_of(artist, votes, n), ..vote(artist, n) }
    };
    let numbers: Vec<u64> = (0..OPERATIONS).collect();
    numbers.chunks(PIPELINE).map(|some| of(&mut some.iter().map(|n| voted(*n)))).collect()
}

fn applied_per_second<G>(generations: Vec<G>, apply: impl FnMut(G)) -> f64 {
    let started = Instant::now();
    generations.into_iter().for_each(apply);
    OPERATIONS as f64 / started.elapsed().as_secs_f64()
}

/// Operations per second of a contender, and its memory.
struct Run {
    positions: f64,
    /// Positions, [`PIPELINE`] at a time.
    at_once: f64,
    pages: f64,
    changes: f64,
    bytes: f64,
}

impl Run {
    fn of<C: Contender>() -> Result<Self> {
        let before = bytes()?;
        let mut contender = C::load((0..ARTISTS).map(|n| vote(n, n)));
        let bytes = (bytes()? - before) / (ARTISTS as f64 * BOARDS);
        let mut found = 0;
        let positions = per_second(|n| found += contender.position(id(scattered(n))));
        ensure!(found > 0, "no artist was found");
        let asked: Vec<AccountId> = (0..OPERATIONS).map(|n| id(scattered(n))).collect();
        let started = Instant::now();
        let found: usize = asked.chunks(PIPELINE).map(|some| contender.positions(some)).sum();
        let at_once = OPERATIONS as f64 / started.elapsed().as_secs_f64();
        ensure!(found as u64 == OPERATIONS, "some artists were not found");
        let mut rows = 0;
        let pages = per_second(|n| rows += contender.page(scattered(n)));
        ensure!(rows > OPERATIONS as usize, "pages without rows");
        let generations = generations(|votes| C::generation(votes));
        let changes = applied_per_second(generations, |generation| contender.apply(generation));
        Ok(Self { positions, at_once, pages, changes, bytes })
    }
}

fn per_second(mut act: impl FnMut(u64)) -> f64 {
    let started = Instant::now();
    (0..OPERATIONS).for_each(&mut act);
    OPERATIONS as f64 / started.elapsed().as_secs_f64()
}

/// The number of a pseudo-random artist.
fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % ARTISTS
}

fn id(artist: u64) -> AccountId {
    AccountId(Uuid::from_u64_pair(artist.wrapping_mul(0x2545_f491_4f6c_dd1d), artist))
}

/// A skewed distribution: a few artists have many votes.
fn standing(artist: u64, n: u64) -> Standing {
    standing_of(artist, 1_000_000 / (scattered(artist) + 1), n)
}

fn vote(artist: u64, n: u64) -> Vote {
    Vote { standing: standing(artist, n), city: city(artist), country: country(artist) }
}

fn standing_of(artist: u64, votes: u64, n: u64) -> Standing {
    let reached_at = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(n as i64);
    Standing { artist: id(artist), votes, reached_at }
}

fn city(artist: u64) -> u64 {
    artist % CITIES
}

fn country(artist: u64) -> u64 {
    artist % COUNTRIES
}

/// Resident memory of this process, in bytes.
fn bytes() -> Result<f64> {
    Ok(resident(i32::try_from(std::process::id())?, "VmRSS")? * f64::from(1 << 20))
}

/// Seconds from an open pool to readable boards.
async fn load(pool: &Pool) -> Result<f64> {
    database::migrate(pool).await?;
    // Not a checked macro: `.sqlx/` describes no statement that only invents rows for a benchmark.
    sqlx::query(
        "insert into ranking (artist_id, votes, reached_at, city, country, city_key, country_key,
                              generation)
         select gen_random_uuid(), 1000000 / (n + 1), to_timestamp(n), 'Ciudad ' || n % $2,
                'País ' || n % $3, 'ciudad ' || n % $2, 'pais ' || n % $3, 0
         from generate_series(1, $1) n",
    )
    .bind(ARTISTS as i64)
    .bind(CITIES as i64)
    .bind(COUNTRIES as i64)
    .execute(pool)
    .await?;
    let rankings = Arc::new(Rankings::default());
    let started = Instant::now();
    BoardsFollower::new(pool.clone(), Arc::clone(&rankings)).catch_up().await?;
    let seconds = started.elapsed().as_secs_f64();
    let artists = rankings.read(Boards::artists).map(|(_, artists)| artists as u64);
    ensure!(artists == Some(ARTISTS), "not all artists were loaded: {artists:?}");
    Ok(seconds)
}
