//! Boards of a million artists in memory, beside the best library of sets that know positions.
//!
//! Both keep four boards: everybody's, 20 countries', 1,000 cities', and those of cities in their
//! countries. Both run in this process, one after the other, on the same artists.

mod contenders;
mod redis;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use domain::AccountId;
use domain::ranking::Standing;
use infra::database;
use projections::boards::Boards;
use projections::rankings::{Follower, Rankings};
use sqlx::PgPool;
use test_services::OwnPostgres;
use uuid::Uuid;

use crate::memory::resident;
use crate::report::{Figure, Floor, Report};
use contenders::{Contender, Library};
use redis::Redis;

const ARTISTS: u64 = 1_000_000;
const BOARDS: f64 = 4.0;
const COUNTRIES: u64 = 20;
const CITIES: u64 = 1_000;
const ASKED: u64 = 200_000;
const BYTES: f64 = 50.0;
const SECONDS: f64 = 3.0;
/// Beside Redis.
const AT_LEAST: Floor = Floor::Ratio(20.0);
const MEMORY: Floor = Floor::RatioAtMost(0.5);

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Boards in memory. Theirs: a set of standings per board (indexset), and a hash map by id",
        &format!("{ARTISTS} artists, {BOARDS} boards each; {ASKED} of each operation, one thread"),
    )?;
    let ours = Run::of::<Boards>()?;
    let theirs = Run::of::<Library>()?;
    for (what, of) in [
        ("an artist's position", (|run| run.positions) as fn(&Run) -> f64),
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
    report.figure(&memory.with_floor(Floor::AtMost(BYTES)))?;
    beside_redis(&ours, report)?;
    let pool = database::connect(&postgres.database_url().await?, 2).await?;
    let seconds = load(&pool).await.context("loading from Postgres")?;
    let loaded = Figure::alone("loaded from Postgres", "s", seconds);
    report.figure(&loaded.with_floor(Floor::AtMost(SECONDS)))
}

/// The same beside Redis, which has one board, and is asked through a socket.
fn beside_redis(ours: &Run, report: &mut Report) -> Result<()> {
    let mut redis = Redis::start()?;
    let empty = redis.memory()?;
    redis.fill((0..ARTISTS).map(|n| (id(n).0, standing(n, n).votes)))?;
    ensure!(redis.members()? == ARTISTS, "Redis does not have all artists");
    let bytes = (redis.memory()? - empty) / ARTISTS as f64;
    let asked = || (0..ASKED).map(|n| id(scattered(n)).0);
    let started = Instant::now();
    redis.positions(asked())?;
    let positions = ASKED as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    redis.votes(asked())?;
    let votes = ASKED as f64 / started.elapsed().as_secs_f64();
    for (what, unit, ours, theirs, floor) in [
        ("an artist's position (Redis: ZREVRANK)", "per s", ours.positions, positions, AT_LEAST),
        ("a vote, our 4 boards (Redis: ZINCRBY on one)", "per s", ours.changes, votes, AT_LEAST),
        ("memory per artist and board (Redis)", "bytes", ours.bytes, bytes, MEMORY),
    ] {
        let figure = Figure { theirs: Some(theirs), ..Figure::alone(what, unit, ours) };
        report.figure(&figure.with_floor(floor))?;
    }
    Ok(())
}

/// What a contender does per second, and what it takes.
struct Run {
    positions: f64,
    pages: f64,
    changes: f64,
    bytes: f64,
}

impl Run {
    fn of<C: Contender>() -> Result<Self> {
        let before = bytes()?;
        let mut contender = C::load((0..ARTISTS).map(|n| (standing(n, n), city(n), country(n))));
        let bytes = (bytes()? - before) / (ARTISTS as f64 * BOARDS);
        let mut found = 0;
        let positions = per_second(|n| found += contender.position(id(scattered(n))));
        ensure!(found > 0, "nobody was found");
        let mut rows = 0;
        let pages = per_second(|n| rows += contender.page(scattered(n)));
        ensure!(rows > ASKED as usize, "pages without rows");
        let changes = per_second(|n| {
            let artist = scattered(n);
            let votes = standing(artist, 0).votes + 1;
            contender.change(standing_of(artist, votes, n), city(artist), country(artist));
        });
        Ok(Self { positions, pages, changes, bytes })
    }
}

fn per_second(mut act: impl FnMut(u64)) -> f64 {
    let started = Instant::now();
    (0..ASKED).for_each(&mut act);
    ASKED as f64 / started.elapsed().as_secs_f64()
}

/// Anybody, in no order.
fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % ARTISTS
}

fn id(artist: u64) -> AccountId {
    AccountId(Uuid::from_u64_pair(artist.wrapping_mul(0x2545_f491_4f6c_dd1d), artist))
}

/// Many have few votes, few have many.
fn standing(artist: u64, n: u64) -> Standing {
    standing_of(artist, 1_000_000 / (scattered(artist) + 1), n)
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

/// Bytes of this process in memory.
fn bytes() -> Result<f64> {
    Ok(resident(i32::try_from(std::process::id())?, "VmRSS")? * f64::from(1 << 20))
}

/// How long a process takes from an open pool to boards that can be read.
async fn load(pool: &PgPool) -> Result<f64> {
    database::migrate(pool).await?;
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
    Follower::new(pool.clone(), Arc::clone(&rankings)).catch_up().await?;
    let seconds = started.elapsed().as_secs_f64();
    let artists = rankings.read(Boards::artists).map(|(_, artists)| artists as u64);
    ensure!(artists == Some(ARTISTS), "not all artists were loaded: {artists:?}");
    Ok(seconds)
}
