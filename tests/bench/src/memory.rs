//! Resident memory of a server with all roles: idle, and during concurrent uploads.

use anyhow::Result;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode, Uri};
use test_services::OwnPostgres;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{self, Connection, Request};
use crate::clip;
use crate::deployment::{Deployment, Log, SETTLING, Storage};
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::resident::{Sampler, resident};
use crate::token;

const UPLOADS: usize = 100;
const BYTES: usize = 10 * 1024 * 1024;
const MAX_IDLE_MIB: f64 = 100.0;
const MAX_RISE_MIB: f64 = 64.0;
const BOUNDARY: &str = "----anb-bench";

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Resident memory of `anb serve` with all roles",
        &format!("{UPLOADS} concurrent uploads of {} MiB", BYTES >> 20),
    )?;
    let form = form(&clip::of_size(BYTES)?);
    for (log, storage, name) in [
        (Log::Postgres, Storage::Folder, "Postgres log, folder"),
        (Log::Kafka, Storage::S3, "Kafka log, S3"),
    ] {
        let deployment = Deployment::new(postgres, log, storage).await?;
        let (server, contest) = deployment.serve_contest(UPLOADS, 0).await?;
        sleep(SETTLING).await;
        let idle = resident(server.pid()?, "VmRSS")?;
        let uploads =
            contest.accounts.iter().map(|account| upload(token::bearer(*account)?, &form));
        let peak = peak_during(uploads.collect::<Result<_>>()?, &server).await?;
        server.stop().await?;
        for (what, ours, most) in [
            (format!("{name}, idle"), idle, MAX_IDLE_MIB),
            (format!("{name}, rise during uploads"), peak - idle, MAX_RISE_MIB),
        ] {
            report.figure(&Figure::alone(&what, "MiB", ours).with_floor(Floor::AtMost(most)))?;
        }
    }
    Ok(())
}

/// The peak of resident memory during the uploads, in MiB.
async fn peak_during(uploads: Vec<Request>, server: &Process) -> Result<f64> {
    let pid = server.pid()?;
    let highest_before = resident(pid, "VmHWM")?;
    let sampler = Sampler::start(pid, "VmRSS");
    let mut tasks = JoinSet::new();
    for request in uploads {
        let mut connection = Connection::open(server.address).await?;
        tasks.spawn(async move { connection.send(request).await?.expect(StatusCode::CREATED) });
    }
    while let Some(uploaded) = tasks.join_next().await {
        uploaded??;
    }
    let peak = sampler.peak();
    // The kernel's maximum misses no peak, but it shows this one only if it exceeds all earlier ones.
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
