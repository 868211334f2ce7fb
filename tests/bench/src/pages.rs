//! Pages per second, of the ranking and of the public list.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::{StatusCode, Uri};
use test_services::OwnPostgres;

use crate::bare;
use crate::client::{self, Connection};
use crate::contest::Contest;
use crate::load::Load;
use crate::process::Process;
use crate::report::{Figure, Report};
use crate::world::{Log, Storage, World};

const ARTISTS: usize = 1_000;
const ROUNDS: usize = 3;
const LOAD: Load =
    Load { connections: 64, warm_up: Duration::from_millis(500), measured: Duration::from_secs(4) };

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Pages. Theirs: a bare handler that answers with the same bytes",
        &format!(
            "{} connections, {ARTISTS} artists; {ROUNDS} interleaved rounds of {} s each, medians",
            LOAD.connections,
            LOAD.measured.as_secs()
        ),
    )?;
    let world = World::new(postgres, Log::Postgres, Storage::Folder).await?;
    Contest::begin(&world, ARTISTS, ARTISTS).await?;
    let anb = world.serve().await?;
    let ranking = Uri::from_static("/api/public/rankings?page=1&page_size=20");
    compare("the ranking's first page, 20 artists", &ranking, &anb, &world, report).await?;
    let list = Uri::from_static("/api/public/videos?limit=50");
    compare("the public list, 50 videos", &list, &anb, &world, report).await
}

async fn compare(
    what: &str,
    page: &Uri,
    anb: &Process,
    world: &World,
    report: &mut Report,
) -> Result<()> {
    let bytes = Connection::open(anb.address).await?.send(client::get(page.clone())).await?;
    let bytes = bytes.expect(StatusCode::OK)?;
    let file = world.folder().join("page.json");
    std::fs::write(&file, &bytes)?;
    let file = file.to_str().context("a folder that is no UTF-8")?;
    let bare = bare::start("bare-page", &["--page", file], world.folder()).await?;
    let served = Connection::open(bare.address).await?.send(client::get(page.clone())).await?;
    ensure!(served.body == bytes, "the bare handler does not serve the same bytes");

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(round(&bare, page).await.context("the bare page")?);
        ours.push(round(anb, page).await.context("anb")?);
    }
    let what = format!("{what} ({} bytes)", bytes.len());
    report.figure(&Figure::rate(&what, &ours, &theirs))
}

async fn round(contender: &Process, page: &Uri) -> Result<f64> {
    let page = page.clone();
    LOAD.drive(contender.address, move || Ok(client::get(page.clone()))).await
}
