//! Resident memory of a server with all roles: at rest, and while many people upload at once.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode, Uri};
use test_services::OwnPostgres;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use crate::client::{self, Connection, Request};
use crate::clip;
use crate::contest::Contest;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::token;
use crate::world::{Log, SETTLING, Storage, World};

const UPLOADS: usize = 100;
const BYTES: usize = 10 * 1024 * 1024;
const SAMPLE: Duration = Duration::from_millis(10);
const IDLE_MIB: f64 = 100.0;
const RISE_MIB: f64 = 64.0;
const BOUNDARY: &str = "----anb-bench";

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Resident memory of `anb serve` with all roles",
        &format!("{UPLOADS} uploads of {} MiB at the same time", BYTES >> 20),
    )?;
    let form = form(&clip::of_size(BYTES)?);
    for (log, storage, name) in [
        (Log::Postgres, Storage::Folder, "Postgres log, folder"),
        (Log::Kafka, Storage::S3, "Kafka log, S3"),
    ] {
        let world = World::new(postgres, log, storage).await?;
        let contest = Contest::begin(&world, UPLOADS, 0).await?;
        let server = world.serve().await?;
        sleep(SETTLING).await;
        let idle = resident(server.pid()?, "VmRSS")?;
        let uploads = contest.people.iter().map(|person| upload(token::bearer(*person)?, &form));
        let peak = peak_during(uploads.collect::<Result<_>>()?, &server).await?;
        server.stop().await?;
        for (what, ours, most) in [
            (format!("{name}, idle"), idle, IDLE_MIB),
            (format!("{name}, rise during uploads"), peak - idle, RISE_MIB),
        ] {
            report.figure(&Figure::alone(&what, "MiB", ours).with_floor(Floor::AtMost(most)))?;
        }
    }
    Ok(())
}

/// The most memory that was resident while all the uploads were under way.
async fn peak_during(uploads: Vec<Request>, server: &Process) -> Result<f64> {
    let pid = server.pid()?;
    let highest_before = resident(pid, "VmHWM")?;
    let mut tasks = JoinSet::new();
    for request in uploads {
        let mut connection = Connection::open(server.address).await?;
        tasks.spawn(async move { connection.send(request).await?.expect(StatusCode::CREATED) });
    }
    let mut peak = resident(pid, "VmRSS")?;
    let mut sample = interval(SAMPLE);
    loop {
        tokio::select! {
            uploaded = tasks.join_next() => match uploaded {
                Some(uploaded) => { uploaded??; }
                None => break,
            },
            _ = sample.tick() => peak = peak.max(resident(pid, "VmRSS")?),
        }
    }
    // The kernel's own maximum misses nothing; it tells more unless an earlier one was higher.
    let highest = resident(pid, "VmHWM")?;
    Ok(if highest > highest_before { peak.max(highest) } else { peak })
}

fn upload(bearer: HeaderValue, form: &Bytes) -> Result<Request> {
    let path = Uri::from_static("/api/videos/upload");
    let mut request = client::post(path, bearer, form.clone());
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    request.headers_mut().insert(CONTENT_TYPE, content_type.try_into()?);
    Ok(request)
}

/// The form of an upload (RFC 7578).
fn form(clip: &[u8]) -> Bytes {
    let mut form = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nUna canción\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"clip.mp4\"\r\n\
         Content-Type: video/mp4\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(clip);
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    form.into()
}

/// A line of `/proc/PID/status`, in MiB.
pub(crate) fn resident(pid: i32, line: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the server ended")?;
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib = value.and_then(|value| value.trim().strip_suffix(" kB")).context("no such line")?;
    Ok(kib.parse::<f64>()? / 1024.0)
}
